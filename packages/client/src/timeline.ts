import type { Message } from '@confab/contracts';

/**
 * The stored messages of one conversation that this client holds, by `seq`. From `low` up to `head` nothing is missing (what has no
 * message there is void or hidden); above `head` there may be holes.
 */
export class Timeline {
  /** In ascending order. Replaced, never changed, so that holders of it see one moment. */
  messages: readonly Message[] = [];
  readonly #ids = new Map<string, Message>();
  readonly #hidden = new Set<string>();
  #head: number;
  #low: number;

  /** @param head everything up to here is known, though not held */
  constructor(head: number) {
    this.#head = head;
    this.#low = head + 1;
  }

  get head(): number {
    return this.#head;
  }

  /** The seq from which on messages are held; what is older is asked for with `before: low`. */
  get low(): number {
    return this.#low;
  }

  /** Whether a message above `head` is held: one before it is missing. */
  get hasGap(): boolean {
    const newest = this.messages.at(-1);
    return newest !== undefined && newest.seq > this.#head;
  }

  find(id: string): Message | undefined {
    return this.#ids.get(id);
  }

  /** Adds a message, or replaces an older version of it. @returns what it was to us */
  add(message: Message): 'new' | 'changed' | 'known' | 'hidden' {
    if (this.#hidden.has(message._id)) return 'hidden';
    const held = this.#ids.get(message._id);
    if (held) return this.#replace(held, message);
    this.#ids.set(message._id, message);
    const at = this.#indexAbove(message.seq);
    this.messages = [...this.messages.slice(0, at), message, ...this.messages.slice(at)];
    this.#climb();
    return 'new';
  }

  /** Adds many that were asked for together: one copy of the list. @returns those that were not held */
  addAll(messages: readonly Message[]): Message[] {
    const fresh = messages.filter((message) => {
      if (!this.#ids.has(message._id) && !this.#hidden.has(message._id)) return true;
      this.add(message);
      return false;
    });
    for (const message of fresh) this.#ids.set(message._id, message);
    if (fresh.length > 0) this.messages = [...this.messages, ...fresh].sort((a, b) => a.seq - b.seq);
    this.#climb();
    return fresh;
  }

  /** The server vouches that nothing up to `seq` is missing. */
  raiseHead(seq: number): void {
    this.#head = Math.max(this.#head, seq);
    this.#climb();
  }

  /** History was read down to `seq`. */
  lowerTo(seq: number): void {
    this.#low = Math.min(this.#low, seq);
  }

  /** Lets go of all but the newest `count`; what is above a hole stays. @returns what it let go */
  trim(count: number): readonly Message[] {
    const oldest = this.messages.at(-count);
    if (!oldest || this.messages.length <= count) return [];
    this.#low = Math.max(this.#low, Math.min(oldest.seq, this.#head + 1));
    const at = this.#indexAbove(this.#low - 1);
    const gone = this.messages.slice(0, at);
    for (const message of gone) this.#ids.delete(message._id);
    this.messages = this.messages.slice(at);
    return gone;
  }

  /** Takes a message away for good: its owner deleted it for themselves. @returns the message, if it was held */
  hide(id: string): Message | undefined {
    this.#hidden.add(id);
    const held = this.#ids.get(id);
    if (!held) return undefined;
    this.#ids.delete(id);
    this.messages = this.messages.filter((message) => message !== held);
    return held;
  }

  #replace(held: Message, message: Message): 'changed' | 'known' {
    // Replies overtake each other: the version with the higher change number is the newer one.
    const newer = message.changeSeq > held.changeSeq || (message.deletedAt !== null && held.deletedAt === null);
    // Uploads get fresh addresses, and thumbnails, without a change of the message.
    const fresher = message.changeSeq === held.changeSeq && message.media.length > 0 && held.deletedAt === null;
    if (!newer && !fresher) return 'known';
    this.#ids.set(message._id, message);
    this.messages = this.messages.map((other) => (other === held ? message : other));
    return 'changed';
  }

  /** Moves `head` over messages that follow it without a hole. */
  #climb(): void {
    for (let at = this.#indexAbove(this.#head); this.messages[at]?.seq === this.#head + 1; at++) this.#head += 1;
  }

  /** Index of the first message above `seq`. */
  #indexAbove(seq: number): number {
    let low = 0;
    let high = this.messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.messages[middle]?.seq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
