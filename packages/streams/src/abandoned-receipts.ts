import type { RedisConnection } from '@confab/redis';
import type { EntriesInHand } from './entries-in-hand.ts';
import type { RawEntry } from './entry-codec.ts';
import { ReadSize, sizeOf } from './read-size.ts';

/** Milliseconds for a claim. Source: as a blocking read waits at most, twice: its entries count as delivered once more, also if no answer comes. */
const CLAIM_TIMEOUT_MS = 5_000;
/** Unacknowledged entries listed by one command. Source: about 60 kB. */
const PENDING_AT_ONCE = 1_000;

export interface LogPartition {
  number: number;
  key: string;
}

export interface AbandonedReceiptsOptions {
  /** The partitions whose claims make one batch. */
  partitions: readonly number[];
  group: string;
  consumer: string;
  /** Entries of one partition in a batch at most. */
  batch: number;
  /** Entries that nobody acknowledged for so long (ms) are taken over. */
  claimIdleMs: number;
  inHand: EntriesInHand;
}

export interface ClaimedEntries {
  entries: RawEntry[];
  /** How often each was delivered, now included. */
  deliveries: ReadonlyMap<string, number>;
}

type Pending = [id: string, consumer: string, idle: number, deliveries: number];

/** Entries of the receipts log that were given to a consumer and not acknowledged: takes them over, and tells how often they were delivered. */
export class AbandonedReceipts {
  readonly #commands: RedisConnection;
  readonly #options: AbandonedReceiptsOptions;
  readonly #claimSize = new ReadSize();

  constructor(commands: RedisConnection, options: AbandonedReceiptsOptions) {
    this.#commands = commands;
    this.#options = options;
  }

  /** Takes over entries that nobody has acknowledged for long, but those that wait in this worker's own hands. */
  async claim(partition: LogPartition): Promise<ClaimedEntries> {
    const { group, consumer, claimIdleMs, partitions } = this.#options;
    const count = this.#claimSize.count;
    const deliveries = await this.#idleEntries(partition, count);
    if (deliveries.size === 0) return { entries: [], deliveries };
    const entries = (await this.#claimSize.watch(() =>
      this.#commands.run(
        (client) => client.xclaim(partition.key, group, consumer, claimIdleMs, ...deliveries.keys()),
        CLAIM_TIMEOUT_MS,
      ),
    )) as RawEntry[];
    this.#claimSize.came(sizeOf(entries) * partitions.length, entries.length >= count);
    return { entries, deliveries };
  }

  /** How often entries of this consumer's own, in their order, were delivered. */
  async deliveriesOf({ key }: LogPartition, entries: readonly RawEntry[]): Promise<ReadonlyMap<string, number>> {
    const first = entries[0]?.[0];
    const last = entries.at(-1)?.[0];
    if (first === undefined || last === undefined) return new Map();
    const { group, consumer, batch } = this.#options;
    const pending = (await this.#commands.run((client) =>
      client.xpending(key, group, first, last, batch * 2, consumer),
    )) as Pending[];
    return new Map(pending.map(([id, , , deliveries]) => [id, deliveries]));
  }

  /** @returns up to `count` of them, with their deliveries once they are claimed */
  async #idleEntries({ key, number }: LogPartition, count: number): Promise<Map<string, number>> {
    const { group, claimIdleMs } = this.#options;
    let inHand: Set<string> | undefined;
    for (let from = '-'; ; ) {
      const page = (await this.#commands.run((client) =>
        client.xpending(key, group, 'IDLE', claimIdleMs, from, '+', PENDING_AT_ONCE),
      )) as Pending[];
      if (page.length === 0) return new Map();
      const mine = inHand ?? this.#options.inHand.of(number);
      inHand = mine;
      const others = page.filter(([id]) => !mine.has(id)).slice(0, count);
      if (others.length > 0 || page.length < PENDING_AT_ONCE)
        return new Map(others.map(([id, , , deliveries]) => [id, deliveries + 1]));
      from = `(${page.at(-1)?.[0]}`;
    }
  }
}
