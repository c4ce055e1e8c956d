/** A client as the checks see it. */
export interface Device {
  readonly kind: 'stock' | 'sdk';
  readonly userId: string;
  readonly connected: boolean;
  /** Ids of the messages that it has by itself: pushed, or caught up with. */
  readonly known: ReadonlySet<string>;
  /** When it first had a message: id -> performance.now() */
  readonly seenAt: ReadonlyMap<string, number>;
  /** Pushes of a message that it had already. A client drops them. */
  readonly repeats: number;
  /** Messages that its application was given twice. */
  readonly doubled: number;
  close(): void;
}
