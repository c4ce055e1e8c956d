import type { ReceiptConsumer, ReceivedReceipt } from '@confab/chat';
import { loadScript, type RedisConnection, replyCode, runScript } from '@confab/redis';
import { EntriesInHand } from './entries-in-hand.ts';
import { Handoff } from './handoff.ts';
import { DEFAULT_PARTITIONS } from './partition.ts';
import { ReceiptReader } from './receipt-reader.ts';

const deadLetterScript = loadScript(new URL('./lua/dead-letter.lua', import.meta.url));

/** The consumer group of the receipts workers. */
export const RECEIPTS_GROUP = 'receipts';
/**
 * Entries of one partition in a batch at most, unless they are long (see the reader). Source: under a backlog 2,000 receipts of 50 conversations
 * need the same reads and one bulk write as 200 do, and cost a fifth less than twice 1,000.
 */
const DEFAULT_BATCH = 2_000;
/**
 * Milliseconds. Source: pending is 0 within 30 s of a crash, and a step of a batch takes less (a MongoDB time-out is 5 s). A batch may take
 * longer: while it makes steps its entries are kept from others.
 */
const DEFAULT_CLAIM_IDLE_MS = 10_000;
/** Entries in hand of which one command says that they are at work. Source: about 20 kB and a millisecond of Redis. */
const KEPT_AT_ONCE = 1_000;
/** Milliseconds. Source: at 500 receipts a second and partition 2 MB are processed in that time; the script takes under a millisecond. */
const DEFAULT_TIDY_EVERY_MS = 10_000;
/**
 * Milliseconds. Source: longer than any roll or restart. Redis 7.0 also calls a consumer idle that waits in a quiet log: like one that
 * was away for longer, it is made anew by the next entry that it gets, without harm.
 */
const DEFAULT_FORGET_IDLE_MS = 600_000;
/** Dead letters that a partition keeps, about. They need a person: thousands of one kind tell no more than hundreds. */
export const DEAD_LETTERS_LENGTH = 10_000;
/** Where `lag` is unknown to Redis, unread entries are counted up to this. */
const COUNT_UP_TO = 10_000;

export interface ReceiptConsumerOptions {
  /** Stable over restarts of the same worker, and unlike that of every other one. */
  consumerName: string;
  partitions?: number;
  batch?: number;
  claimIdleMs?: number;
  /** Milliseconds between two clearings away of processed entries and of consumers that are gone. */
  tidyEveryMs?: number;
  /** Milliseconds after which a consumer that reads nothing and has nothing pending is gone. */
  forgetIdleMs?: number;
  /** Opens the connection of one reader. */
  connectReader: () => RedisConnection;
}

/** The worker's consumer over all partitions: one reader for all of them, in a cluster one for each. */
export class RedisReceiptConsumer implements ReceiptConsumer {
  readonly #connection: RedisConnection;
  readonly #handoff = new Handoff<ReceivedReceipt[]>();
  readonly #readers: ReceiptReader[];
  readonly #partitions: readonly number[];
  readonly #inHand = new EntriesInHand();
  readonly #consumerName: string;
  readonly #keepEveryMs: number;
  #running: Promise<unknown> | undefined;

  /** @param connection for everything that does not block */
  constructor(connection: RedisConnection, options: ReceiptConsumerOptions) {
    this.#connection = connection;
    const claimIdleMs = options.claimIdleMs ?? DEFAULT_CLAIM_IDLE_MS;
    this.#consumerName = options.consumerName;
    this.#keepEveryMs = claimIdleMs / 4;
    const reader = {
      group: RECEIPTS_GROUP,
      consumer: options.consumerName,
      batch: options.batch ?? DEFAULT_BATCH,
      claimIdleMs,
      claimEveryMs: Math.min(2_000, claimIdleMs / 2),
      tidyEveryMs: options.tidyEveryMs ?? DEFAULT_TIDY_EVERY_MS,
      forgetIdleMs: options.forgetIdleMs ?? DEFAULT_FORGET_IDLE_MS,
      inHand: this.#inHand,
    };
    this.#partitions = Array.from({ length: options.partitions ?? DEFAULT_PARTITIONS }, (_, partition) => partition);
    const groups = connection.isCluster ? this.#partitions.map((partition) => [partition]) : [this.#partitions];
    this.#readers = groups.map(
      (partitions) => new ReceiptReader(options.connectReader(), connection, { ...reader, partitions }),
    );
  }

  /** May be called several times: each batch goes to one of the iterators, so that several loops share the work. */
  async *batches(): AsyncGenerator<ReceivedReceipt[]> {
    this.#running ??= Promise.all(this.#readers.map((reader) => reader.run(this.#handoff)));
    for (;;) {
      const batch = await this.#handoff.take();
      if (batch.done) return;
      try {
        yield batch.value;
      } finally {
        this.#inHand.remove(batch.value);
      }
    }
  }

  /**
   * Makes entries that are in hand for seconds new in the eyes of other workers, which does not count as a delivery. What another worker has
   * taken over already (this one was frozen) comes back; what it has acknowledged does not.
   */
  async keep(): Promise<void> {
    for (const [partition, entryIds] of this.#inHand.takeSilent(this.#keepEveryMs, performance.now())) {
      const key = this.#connection.keys.receipts(partition);
      for (let from = 0; from < entryIds.length; from += KEPT_AT_ONCE) {
        const part = entryIds.slice(from, from + KEPT_AT_ONCE);
        await this.#connection.run((client) =>
          client.xclaim(key, RECEIPTS_GROUP, this.#consumerName, 0, ...part, 'JUSTID'),
        );
      }
    }
  }

  async acknowledge(entries: ReceivedReceipt[]): Promise<void> {
    const { keys } = this.#connection;
    const partitions = Map.groupBy(entries, (entry) => entry.partition);
    await this.#connection.run((client) =>
      Promise.all(
        [...partitions].map(([partition, ofPartition]) =>
          client.xack(keys.receipts(partition), RECEIPTS_GROUP, ...ofPartition.map((entry) => entry.entryId)),
        ),
      ),
    );
  }

  async deadLetter(entry: ReceivedReceipt, reason: string): Promise<void> {
    const { keys } = this.#connection;
    await runScript(
      this.#connection,
      deadLetterScript,
      [keys.receipts(entry.partition), keys.deadLetters(entry.partition)],
      [RECEIPTS_GROUP, entry.entryId, reason.slice(0, 500), entry.partition, DEAD_LETTERS_LENGTH],
    );
  }

  async backlog(): Promise<{ pending: number; unread: number }> {
    const counts = await Promise.all(this.#partitions.map((partition) => this.#backlogOf(partition)));
    return {
      pending: counts.reduce((sum, count) => sum + count.pending, 0),
      unread: counts.reduce((sum, count) => sum + count.unread, 0),
    };
  }

  /** Of the reader that heard from Redis the longest ago. It grows too while nobody takes the batches. */
  idleMs(): number {
    return Math.max(...this.#readers.map((reader) => reader.idleMs()));
  }

  /** Ends the iterators. Entries that were read and not acknowledged stay for the next consumer. */
  async close(): Promise<void> {
    const closing = this.#readers.map((reader) => reader.close());
    this.#handoff.close();
    await Promise.all(closing);
    await this.#running;
  }

  async #backlogOf(partition: number): Promise<{ pending: number; unread: number }> {
    const key = this.#connection.keys.receipts(partition);
    const group = await this.#groupOf(key);
    if (!group) return { pending: 0, unread: await this.#connection.run((client) => client.xlen(key)) };
    const lag = group.get('lag');
    const from = `(${String(group.get('last-delivered-id'))}`;
    const unread =
      typeof lag === 'number'
        ? lag
        : (await this.#connection.run((client) => client.xrange(key, from, '+', 'COUNT', COUNT_UP_TO))).length;
    return { pending: Number(group.get('pending')), unread };
  }

  async #groupOf(key: string): Promise<Map<unknown, unknown> | null> {
    try {
      const groups = (await this.#connection.run((client) => client.xinfo('GROUPS', key))) as unknown[][];
      const pairs = groups.map(
        (flat) => new Map(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1]]] : []))),
      );
      return pairs.find((group) => group.get('name') === RECEIPTS_GROUP) ?? null;
    } catch (error) {
      if (replyCode(error) === 'ERR') return null; // no such key
      throw error;
    }
  }
}
