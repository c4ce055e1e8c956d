/** A thing that waits for its turn in a conversation. */
interface Waiting<T> {
  /** Counts up with the calls. */
  ticket: number;
  item: T;
}

/**
 * Turns in queues, one for each conversation: in each there is one at a time, and what comes meanwhile waits, in the order of its tickets, and has the next turn together.
 * Without it two sends of one person, where a conversation is not known yet, would race for their seqs by two commands.
 */
export class SeqTurns<T> {
  /** What waits, by queue; there is an entry for each in which it is somebody's turn. */
  readonly #waiting = new Map<string, Waiting<T>[]>();
  #tickets = 0;

  /** Gives the next ticket. */
  ticket(): number {
    this.#tickets += 1;
    return this.#tickets;
  }

  isTaken(queue: string): boolean {
    return this.#waiting.has(queue);
  }

  /** Begins a turn, in a queue in which it is nobody's. Who begins one ends it. */
  begin(queue: string): void {
    this.#waiting.set(queue, []);
  }

  /** For a queue in which it is somebody's turn. Who comes late with an early ticket is let in front. */
  wait(queue: string, ticket: number, item: T): void {
    const waiting = this.#waiting.get(queue);
    if (!waiting) throw new Error(`it is nobody's turn in ${queue}`);
    const at = waiting.findLastIndex((earlier) => earlier.ticket < ticket) + 1;
    waiting.splice(at, 0, { ticket, item });
  }

  /** Takes out what waits; the turn goes on. */
  drain(queue: string): T[] {
    const waiting = this.#waiting.get(queue) ?? [];
    if (waiting.length > 0) this.#waiting.set(queue, []);
    return waiting.map(({ item }) => item);
  }

  /** Ends a turn. @returns what waited, whose turn it is then; none: it is nobody's */
  end(queue: string): T[] {
    const next = this.drain(queue);
    if (next.length === 0) this.#waiting.delete(queue);
    return next;
  }
}
