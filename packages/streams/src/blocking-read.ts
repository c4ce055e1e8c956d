import type { RedisConnection } from '@confab/redis';

/** Milliseconds that a read waits for entries. Short, so that an idle reader proves every second that it is alive. */
export const BLOCK_MS = 1_000;
/** What a blocking read gets on top of BLOCK before its connection is taken for dead. */
const MARGIN_MS = 1_500;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1_000;

/**
 * A loop that reads from its own connection until it is closed: each read has a deadline after which the connection is replaced, and
 * failures are retried with back-off. So a reader that makes no progress restarts by itself.
 */
export class ReadLoop {
  readonly #connection: RedisConnection;
  readonly #now: () => number;
  #lastHeard: number;
  #failures = 0;
  #interrupted = false;
  #closed = false;
  #wake: (() => void) | undefined;

  /** @param connection from `connectReader`; closed by `close` */
  constructor(connection: RedisConnection, now: () => number = () => performance.now()) {
    this.#connection = connection;
    this.#now = now;
    this.#lastHeard = now();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Milliseconds since Redis last answered. */
  idleMs(): number {
    return Math.round(this.#now() - this.#lastHeard);
  }

  /** One read with the deadline of a blocking one, once the connection is there. @throws what `RedisConnection.run` throws */
  async read<T>(command: Parameters<typeof RedisConnection.prototype.run<T>>[0]): Promise<T> {
    await this.#connection.ready(MARGIN_MS);
    this.#interrupted = false;
    const answer = await this.#connection.run(command, BLOCK_MS + MARGIN_MS);
    this.#lastHeard = this.#now();
    this.#failures = 0;
    return answer;
  }

  /** Waits after a failed read: 50 ms, doubling up to 1 s, so that neither an outage nor a wiped Redis becomes a hot loop. */
  async backOff(error: unknown, doing: string): Promise<void> {
    if (this.closed || this.#interrupted) return;
    if (this.#failures === 0) this.#connection.log.warn({ error: String(error) }, `${doing} failed; trying again`);
    const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(this.#failures++, 10), LAST_RETRY_MS);
    await this.pause(delay);
  }

  /** Sleeps, unless closed meanwhile; one at a time. */
  pause(ms: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends a read that is waiting, so that the next one begins at once. */
  interrupt(): void {
    this.#interrupted = true;
    this.#connection.reset();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#connection.close();
  }
}
