/** A thing that waits for its turn in a conversation. */
interface Waiting<T> {
  /** Counts up with the calls. */
  ticket: number;
  item: T;
}

/**
 * Turns in conversations: in each there is one at a time, and what comes meanwhile waits, in the order of its tickets, and has the next turn together.
 * Without it two sends of one person, where a conversation is not known yet, would race for their seqs by two commands.
 */
export class SeqTurns<T> {
  /** What waits, by conversation; there is an entry for each in which it is somebody's turn. */
  readonly #waiting = new Map<string, Waiting<T>[]>();
  #tickets = 0;

  /** Gives the next ticket. */
  ticket(): number {
    this.#tickets += 1;
    return this.#tickets;
  }

  isTaken(conversationId: string): boolean {
    return this.#waiting.has(conversationId);
  }

  /** Begins a turn, in a conversation in which it is nobody's. Who begins one ends it. */
  begin(conversationId: string): void {
    this.#waiting.set(conversationId, []);
  }

  /** For a conversation in which it is somebody's turn. Who comes late with an early ticket is let in front. */
  wait(conversationId: string, ticket: number, item: T): void {
    const waiting = this.#waiting.get(conversationId);
    if (!waiting) throw new Error(`it is nobody's turn in ${conversationId}`);
    const at = waiting.findLastIndex((earlier) => earlier.ticket < ticket) + 1;
    waiting.splice(at, 0, { ticket, item });
  }

  /** Takes out what waits; the turn goes on. */
  drain(conversationId: string): T[] {
    const waiting = this.#waiting.get(conversationId) ?? [];
    if (waiting.length > 0) this.#waiting.set(conversationId, []);
    return waiting.map(({ item }) => item);
  }

  /** Ends a turn. @returns what waited, whose turn it is then; none: it is nobody's */
  end(conversationId: string): T[] {
    const next = this.drain(conversationId);
    if (next.length === 0) this.#waiting.delete(conversationId);
    return next;
  }
}
