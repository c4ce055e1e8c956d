import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '@confab/testkit';

/** Bytes of the length that begins every message of MongoDB's wire protocol. */
const LENGTH_BYTES = 4;

/** Counts the commands that go through a proxy to MongoDB, by walking the lengths of the messages. */
export class MongoCommands {
  #count = 0;
  readonly #left = new WeakMap<object, number>();
  readonly #stop: () => void;

  constructor(proxy: TcpProxy) {
    this.#stop = proxy.onRequest((chunk, connection) => this.#walk(chunk, connection));
  }

  begin(): { perSecond(): number } {
    const [count, at] = [this.#count, performance.now()];
    return { perSecond: () => ((this.#count - count) * 1_000) / (performance.now() - at) };
  }

  async perSecond(ms: number): Promise<number> {
    const measuring = this.begin();
    await sleep(ms);
    return measuring.perSecond();
  }

  close(): void {
    this.#stop();
  }

  /** A connection that was open before begins to be counted at a message's beginning, since the driver writes whole messages. */
  #walk(chunk: Buffer, connection: object): void {
    let at = this.#left.get(connection) ?? 0;
    while (at + LENGTH_BYTES <= chunk.length) {
      this.#count++;
      at += chunk.readInt32LE(at);
    }
    this.#left.set(connection, Math.max(0, at - chunk.length));
  }
}
