import type { ReceivedReceipt } from '@confab/chat';
import { loadScript, type RedisConnection, replyCode, runScript } from '@confab/redis';
import { BLOCK_MS, ReadLoop } from './blocking-read.ts';
import { decodeReceipt, type RawEntry } from './entry-codec.ts';
import type { Handoff } from './handoff.ts';

const tidyScript = loadScript(new URL('./lua/tidy-receipts.lua', import.meta.url));

/**
 * Milliseconds from one read that brought entries to the next; the first after a pause is immediate. Source: what a batch costs (three
 * commands to the store, one to each inbox) is shared by what comes in that time, and nobody sees a tick come 50 ms later.
 */
const GAP_MS = 50;

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
}

interface Partition {
  number: number;
  key: string;
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
        if (received.length > 0) await handoff.offer(received);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #next(): Promise<ReceivedReceipt[]> {
    if (performance.now() - this.#tidiedAt >= this.#options.tidyEveryMs) await this.#tidy();
    if (performance.now() - this.#claimedAt >= this.#options.claimEveryMs) {
      const claimed = await Promise.all(this.#partitions.map((partition) => this.#claim(partition)));
      if (claimed.some(({ entries }) => entries.length > 0)) return this.#receive(claimed, true);
      // Only a look that found nothing is a reason to wait with the next one.
      this.#claimedAt = performance.now();
    }
    const own = this.#partitions.filter(({ ownPosition }) => ownPosition !== null);
    return own.length > 0 ? this.#readOwn(own) : this.#readNew();
  }

  /** Those that this consumer had before it restarted; acknowledged ones are not among them. */
  async #readOwn(partitions: readonly Partition[]): Promise<ReceivedReceipt[]> {
    const read = await this.#read(partitions);
    for (const partition of partitions) {
      const entries = read.find((of) => of.partition === partition)?.entries;
      partition.ownPosition = entries?.at(-1)?.[0] ?? null;
    }
    return this.#receive(read, true);
  }

  async #readNew(): Promise<ReceivedReceipt[]> {
    const wait = this.#nextReadAt - performance.now();
    if (wait > 0) await this.#loop.pause(wait);
    const read = await this.#read(this.#partitions);
    const full = read.some(({ entries }) => entries.length >= this.#options.batch);
    if (read.length > 0 && !full) this.#nextReadAt = performance.now() + GAP_MS;
    return this.#receive(read, false);
  }

  async #read(partitions: readonly Partition[]): Promise<PartitionEntries[]> {
    const { group, consumer, batch } = this.#options;
    const keys = partitions.map(({ key }) => key);
    const positions = partitions.map(({ ownPosition }) => ownPosition ?? '>');
    const reply = (await this.#loop.read((client) =>
      client.xreadgroup(
        ...(['GROUP', group, consumer, 'COUNT', batch, 'BLOCK', BLOCK_MS, 'STREAMS'] as const),
        ...keys,
        ...positions,
      ),
    )) as [string, RawEntry[]][] | null;
    return (reply ?? []).map(([key, entries]) => ({ partition: this.#byKey.get(key) as Partition, entries }));
  }

  async #claim(partition: Partition): Promise<PartitionEntries> {
    const { group, consumer, batch, claimIdleMs } = this.#options;
    const reply = await this.#commands.run((client) =>
      client.xautoclaim(partition.key, group, consumer, claimIdleMs, '0-0', 'COUNT', batch),
    );
    return { partition, entries: reply[1] as RawEntry[] };
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

  /** @param again they were delivered before: look up how often */
  async #receive(read: readonly PartitionEntries[], again: boolean): Promise<ReceivedReceipt[]> {
    const received: ReceivedReceipt[] = [];
    for (const { partition, entries } of read) {
      const deliveries = again ? await this.#deliveries(partition, entries) : undefined;
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

  async #deliveries({ key }: Partition, entries: RawEntry[]): Promise<Map<string, number>> {
    const first = entries[0]?.[0];
    const last = entries.at(-1)?.[0];
    if (first === undefined || last === undefined) return new Map();
    const { group, consumer, batch } = this.#options;
    const pending = (await this.#commands.run((client) =>
      client.xpending(key, group, first, last, batch * 2, consumer),
    )) as [id: string, consumer: string, idle: number, deliveries: number][];
    return new Map(pending.map(([id, , , deliveries]) => [id, deliveries]));
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
