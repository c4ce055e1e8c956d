import { backoff, type ClientEnvironment } from './environment.ts';
import { toConfabError } from './error.ts';

interface Read {
  messageId: string;
  seq: number;
}

/** Milliseconds that reads are gathered. Source: scrolling through unread messages then costs two calls a second at most. */
const GATHER = 500;
const LONGEST_PAUSE = 15_000;

/**
 * Tells the server how far the user has read: the newest message only, at most one call per `GATHER` and conversation. What cannot be told
 * now is told on the next connection.
 */
export class ReadMarks {
  readonly #environment: ClientEnvironment;
  readonly #send: (conversationId: string, messageId: string) => Promise<unknown>;
  readonly #waiting = new Map<string, Read>();
  #callOff: (() => void) | undefined;
  #open = false;
  #failures = 0;

  constructor(environment: ClientEnvironment, send: (conversationId: string, messageId: string) => Promise<unknown>) {
    this.#environment = environment;
    this.#send = send;
  }

  add(conversationId: string, read: Read): void {
    if ((this.#waiting.get(conversationId)?.seq ?? 0) >= read.seq) return;
    this.#waiting.set(conversationId, read);
    this.#schedule(GATHER);
  }

  open(): void {
    this.#open = true;
    this.#schedule(0);
  }

  close(): void {
    this.#open = false;
    this.#callOff?.();
    this.#callOff = undefined;
  }

  #schedule(pause: number): void {
    if (!this.#open || this.#callOff || this.#waiting.size === 0) return;
    this.#callOff = this.#environment.after(pause, () => {
      this.#callOff = undefined;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const reads = [...this.#waiting];
    this.#waiting.clear();
    const results = await Promise.all(reads.map(([conversationId, read]) => this.#tell(conversationId, read)));
    this.#failures = results.includes(false) ? this.#failures + 1 : 0;
    if (this.#failures > 0) this.#schedule(backoff(this.#failures, GATHER, LONGEST_PAUSE, this.#environment.random));
    else this.#schedule(GATHER);
  }

  /** @returns false if it is to be told again; a refusal for good (the conversation was left) is not */
  async #tell(conversationId: string, read: Read): Promise<boolean> {
    try {
      await this.#send(conversationId, read.messageId);
      return true;
    } catch (error) {
      const { retryable, tokenRefused } = toConfabError(error);
      // A refused token is no refusal of the read: it is told again with the next token.
      if (!retryable && !tokenRefused) return true;
      if ((this.#waiting.get(conversationId)?.seq ?? 0) < read.seq) this.#waiting.set(conversationId, read);
      return false;
    }
  }
}
