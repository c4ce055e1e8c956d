const RANKS = { sent: 0, delivered: 1, read: 2 } as const;
export type Status = keyof typeof RANKS;

/** Sees statuses as clients see them, and notes every one that went back. */
export class StatusWatch {
  readonly regressions: string[] = [];
  readonly #highest = new Map<string, { rank: number; at: number }>();

  /** The status on a page of history. @param askedAt when the page was asked for (performance.now): what was seen later is not held against it */
  shown(messageId: string, status: Status, askedAt: number): void {
    const known = this.#highest.get(messageId);
    if (known && RANKS[status] < known.rank && known.at < askedAt) {
      this.regressions.push(`${messageId} was shown as ${status} after a higher status`);
    }
    this.told(messageId, status);
  }

  /** What an event told: a fact, which may come late, after the next one. Clients keep the highest. */
  told(messageId: string, status: Status): void {
    const rank = RANKS[status];
    const known = this.#highest.get(messageId);
    if (!known || rank > known.rank) this.#highest.set(messageId, { rank, at: performance.now() });
  }
}
