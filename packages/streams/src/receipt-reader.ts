import type { ReceivedReceipt } from '@confab/chat';
import { loadScript, type RedisConnection, replyCode, runScript } from '@confab/redis';
import { AbandonedReceipts, type LogPartition } from './abandoned-receipts.ts';
import { BLOCK_MS, ReadLoop } from './blocking-read.ts';
import type { EntriesInHand } from './entries-in-hand.ts';
import { decodeReceipt, type RawEntry } from './entry-codec.ts';
import type { Handoff } from './handoff.ts';
import { ReadSize, sizeOf } from './read-size.ts';

const tidyScript = loadScript(new URL('./lua/tidy-receipts.lua', import.meta.url));

/**
 * Milliseconds from one read that brought entries to the next; the first after a pause is immediate. Source: what a batch costs (three
 * commands to the store, one to each inbox) is shared by what comes in that time, and nobody sees a tick come 100 ms later. A receipt cost the
 * worker 131 CPU µs at 1,000 a second with 50 ms, 110 with 100 (112 and 65 at 2,000).
 */
const GAP_MS = 100;
/** A batch that has so many characters is not added to. Source: with the last read at most 8 MB, about five times as much once parsed. */
const BATCH_SIZE = 4_000_000;

export interface ReceiptReaderOptions {
  /** In a cluster a single one: their keys are in different slots. */
  partitions: readonly number[];
  group: string;
  /** The same over restarts of a worker, so that it finds what it had not acknowledged. */
  consumer: string;
  /** Entries of one partition in a batch at most. */
  batch: number;
  /** Entries that nobody acknowledged for so long (ms) are taken over. */
  claimIdleMs: number;
  /** Milliseconds between two looks for such entries. */
  claimEveryMs: number;
  /** Milliseconds between two clearings away of what is processed. */
  tidyEveryMs: number;
  /** A consumer that was idle for so long (ms), with nothing pending, is removed from the group. */
  forgetIdleMs: number;
  /** Shared with the consumer, which takes out of it what is done. */
  inHand: EntriesInHand;
}

interface Partition extends LogPartition {
  /** Position in this consumer's own unacknowledged entries; null once they are through. */
  ownPosition: string | null;
}

interface PartitionEntries {
  partition: Partition;
  entries: RawEntry[];
}

/**
 * Reads partitions together as a consumer of the group: first what this consumer had been given and not acknowledged, then new entries, and
 * now and then what other consumers left behind. Creates the group where it is missing, and clears away what is processed.
 */
export class ReceiptReader {
  readonly #reading: RedisConnection;
  readonly #commands: RedisConnection;
  readonly #loop: ReadLoop;
  readonly #options: ReceiptReaderOptions;
  readonly #partitions: Partition[];
  readonly #byKey: Map<string, Partition>;
  readonly #readSize = new ReadSize();
  readonly #abandoned: AbandonedReceipts;
  /** When the next read of new entries may begin. */
  #nextReadAt = 0;
  #claimedAt = 0;
  #tidiedAt = performance.now();

  /**
   * @param reading from `connectReader`, for this reader alone
   * @param commands for everything that does not block
   */
  constructor(reading: RedisConnection, commands: RedisConnection, options: ReceiptReaderOptions) {
    this.#reading = reading;
    this.#commands = commands;
    this.#loop = new ReadLoop(reading);
    this.#options = options;
    this.#abandoned = new AbandonedReceipts(commands, options);
    this.#partitions = options.partitions.map((number) => ({
      number,
      key: reading.keys.receipts(number),
      ownPosition: '0',
    }));
    this.#byKey = new Map(this.#partitions.map((partition) => [partition.key, partition]));
  }

  idleMs(): number {
    return this.#loop.idleMs();
  }

  close(): Promise<void> {
    return this.#loop.close();
  }

  /** Reads until closed, and hands over batches. Never throws. */
  async run(handoff: Handoff<ReceivedReceipt[]>): Promise<void> {
    await this.#createGroups();
    while (!this.#loop.closed) {
      try {
        const received = await this.#next();
        if (received.length === 0) continue;
        this.#options.inHand.add(received, performance.now());
        await handoff.offer(received);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #next(): Promise<ReceivedReceipt[]> {
    if (performance.now() - this.#tidiedAt >= this.#options.tidyEveryMs) await this.#tidy();
    if (performance.now() - this.#claimedAt >= this.#options.claimEveryMs) {
      const claimed = await this.#claimAll();
      if (claimed.length > 0) return claimed;
      // Only a look that found nothing is a reason to wait with the next one.
      this.#claimedAt = performance.now();
    }
    const own = this.#partitions.filter(({ ownPosition }) => ownPosition !== null);
    return own.length > 0 ? this.#readOwn(own) : this.#readNew();
  }

  /** Those that this consumer had before it restarted; acknowledged ones are not among them. */
  async #readOwn(partitions: readonly Partition[]): Promise<ReceivedReceipt[]> {
    const read = await this.#read(partitions, this.#readSize.count, false);
    for (const partition of partitions) {
      const entries = read.find((of) => of.partition === partition)?.entries;
      partition.ownPosition = entries?.at(-1)?.[0] ?? null;
    }
    const others = read.map(({ partition, entries }) => {
      const inHand = this.#options.inHand.of(partition.number);
      return { partition, entries: entries.filter(([id]) => !inHand.has(id)) };
    });
    const received: ReceivedReceipt[] = [];
    // One by one: two partitions may have entries of one id.
    for (const of of others)
      received.push(...(await this.#receive([of], await this.#abandoned.deliveriesOf(of.partition, of.entries))));
    return received;
  }

  async #readNew(): Promise<ReceivedReceipt[]> {
    const wait = this.#nextReadAt - performance.now();
    if (wait > 0) await this.#loop.pause(wait);
    const { read, more } = await this.#gather();
    if (read.length > 0 && !more) this.#nextReadAt = performance.now() + GAP_MS;
    return this.#receive(read);
  }

  /**
   * Reads new entries until there are no more or they are a batch: in several reads, because none may bring more than fits into its time.
   * Only the first waits for entries.
   * @returns `more`: there may be further ones
   */
  async #gather(): Promise<{ read: PartitionEntries[]; more: boolean }> {
    const gathered = new Map<Partition, RawEntry[]>();
    const result = (more: boolean) => ({
      read: [...gathered].map(([partition, entries]) => ({ partition, entries })),
      more,
    });
    let [size, longest] = [0, 0];
    while (longest < this.#options.batch && size < BATCH_SIZE) {
      const count = Math.min(this.#readSize.count, this.#options.batch - longest);
      let read: PartitionEntries[];
      try {
        read = await this.#read(this.#partitions, count, longest === 0);
      } catch (error) {
        if (longest === 0) throw error;
        // What came before it is in hand, and is not to wait until it is claimed.
        await this.#recover(error);
        return result(true);
      }
      for (const { partition, entries } of read) {
        const before = gathered.get(partition) ?? [];
        gathered.set(partition, before.concat(entries));
        size += sizeOf(entries);
        longest = Math.max(longest, before.length + entries.length);
      }
      if (!read.some(({ entries }) => entries.length >= count)) return result(false);
    }
    return result(true);
  }

  /** @param count entries of each partition at most */
  async #read(partitions: readonly Partition[], count: number, wait: boolean): Promise<PartitionEntries[]> {
    const { group, consumer } = this.#options;
    const keys = partitions.map(({ key }) => key);
    const positions = partitions.map(({ ownPosition }) => ownPosition ?? '>');
    const reply = await this.#readSize.watch(() =>
      this.#loop.read((client) =>
        wait
          ? client.xreadgroup(
              ...(['GROUP', group, consumer, 'COUNT', count, 'BLOCK', BLOCK_MS, 'STREAMS'] as const),
              ...keys,
              ...positions,
            )
          : client.xreadgroup('GROUP', group, consumer, 'COUNT', count, 'STREAMS', ...keys, ...positions),
      ),
    );
    const read = ((reply ?? []) as [string, RawEntry[]][]).map(([key, entries]) => ({
      partition: this.#byKey.get(key) as Partition,
      entries,
    }));
    const size = read.reduce((sum, { entries }) => sum + sizeOf(entries), 0);
    this.#readSize.came(
      size,
      read.some(({ entries }) => entries.length >= count),
    );
    return read;
  }

  /** Partition after partition: all of them share one connection. */
  async #claimAll(): Promise<ReceivedReceipt[]> {
    const claimed: ReceivedReceipt[] = [];
    for (const partition of this.#partitions) {
      try {
        const { entries, deliveries } = await this.#abandoned.claim(partition);
        claimed.push(...(await this.#receive([{ partition, entries }], deliveries)));
      } catch (error) {
        if (claimed.length === 0) throw error;
        // What was claimed before it is not to wait until it is claimed again.
        await this.#recover(error);
        break;
      }
    }
    return claimed;
  }

  /** Acknowledged entries would else stay in Redis' memory until newer ones push them out, and consumers for ever. */
  async #tidy(): Promise<void> {
    const { group, forgetIdleMs } = this.#options;
    this.#tidiedAt = performance.now();
    try {
      await Promise.all(
        this.#partitions.map(({ key }) => runScript(this.#commands, tidyScript, [key], [group, forgetIdleMs])),
      );
    } catch (error) {
      // Reading must not wait for it: where Redis is away, the read that follows says so too.
      this.#reading.log.warn({ error: String(error) }, 'processed receipts were not cleared away');
    }
  }

  /** @param deliveries of entries that were delivered before: how often, now included */
  async #receive(
    read: readonly PartitionEntries[],
    deliveries?: ReadonlyMap<string, number>,
  ): Promise<ReceivedReceipt[]> {
    const received: ReceivedReceipt[] = [];
    for (const { partition, entries } of read) {
      const needless: string[] = [];
      for (const [entryId, fields] of entries) {
        const decoded = fields === null ? ({ kind: 'unknown-type' } as const) : decodeReceipt(fields);
        const place = { partition: partition.number, entryId, deliveries: deliveries?.get(entryId) ?? 1 };
        if (decoded.kind === 'unknown-type') needless.push(entryId);
        else if (decoded.kind === 'readable') received.push({ ...place, event: decoded.value });
        else received.push({ ...place, event: null, problem: decoded.problem });
      }
      await this.#passOver(partition, needless);
    }
    return received;
  }

  /** Entries that were trimmed away, or are of a type that only newer versions know: nothing to do, and nothing lost. */
  async #passOver({ key }: Partition, entryIds: string[]): Promise<void> {
    if (entryIds.length === 0) return;
    await this.#commands.run((client) => client.xack(key, this.#options.group, ...entryIds));
  }

  async #recover(error: unknown): Promise<void> {
    await this.#loop.backOff(error, 'reading receipts');
    if (replyCode(error) === 'NOGROUP' && !this.#loop.closed) await this.#createGroups();
  }

  /** Where it fails, reading fails too, and it is tried again after a pause. */
  async #createGroups(): Promise<void> {
    try {
      await Promise.all(this.#partitions.map(({ key }) => createGroup(this.#commands, key, this.#options.group)));
      for (const partition of this.#partitions) partition.ownPosition = '0';
    } catch (failure) {
      this.#reading.log.warn({ error: String(failure) }, 'the consumer group was not created yet');
    }
  }
}

/** From the beginning of the stream: what was appended before the group existed is to be processed too. */
async function createGroup(connection: RedisConnection, key: string, group: string): Promise<void> {
  try {
    await connection.run((client) => client.xgroup('CREATE', key, group, '0', 'MKSTREAM'));
  } catch (error) {
    if (replyCode(error) !== 'BUSYGROUP') throw error;
  }
}
