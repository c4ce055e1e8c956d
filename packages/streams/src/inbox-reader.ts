import type { InboxBatch, InboxEntry, InboxReader } from '@confab/chat';
import type { RedisClient, RedisConnection } from '@confab/redis';
import { BLOCK_MS, ReadLoop } from './blocking-read.ts';
import { decodeInboxEntry, type RawEntry } from './entry-codec.ts';
import { ReadPace } from './read-pace.ts';

/**
 * Entries of one read. Up to eight deliveries each they are one batch, so that what they bring for one socket goes in one write. Packed to the
 * full (16 KB each) they are 8 MB.
 */
const READ_COUNT = 500;
/** Deliveries (events by recipients) of one batch, about: it is decoded in one turn. Source: as many as a gateway gathers before it writes. */
const BATCH = 4_000;
/** Entries that were read stay until there are so many of them. Source: at 1,000 a second that is a removal every 60 ms, and 64 KB. */
const READ_BEFORE_FORGOTTEN = 64;
/** Entry 1-1 opens the stream and is nobody's event: position 1 is entry 1-2. */
const OPENER = 1;

export interface InboxReaderOptions {
  /** The instance whose inbox is to be read; when it changes, reading starts at the beginning of the new one. */
  instance: () => string;
}

/** Reads the inbox of this gateway from its own connection, in order, on from the last position after a lost connection. */
export class RedisInboxReader implements InboxReader {
  readonly #connection: RedisConnection;
  readonly #loop: ReadLoop;
  readonly #instance: () => string;
  readonly #pace = new ReadPace();
  #current = '';
  /** Sequence number of the last entry seen. */
  #last = OPENER;
  /** Up to which entry those that were read were removed. */
  #forgotten = OPENER;

  constructor(connection: RedisConnection, options: InboxReaderOptions) {
    this.#connection = connection;
    this.#loop = new ReadLoop(connection);
    this.#instance = options.instance;
  }

  /** Sequence number of the last entry that was read. */
  get lastRead(): number {
    return this.#last;
  }

  /** Sequence number of the last entry that was read of this instance's inbox, 0 if none was: reading may not have come to this instance yet. */
  lastReadOf(instance: string): number {
    return instance === this.#current ? this.#last : 0;
  }

  idleMs(): number {
    return this.#loop.idleMs();
  }

  /** The instance has changed: stop waiting for the old inbox. */
  switchInstance(): void {
    this.#loop.interrupt();
  }

  close(): Promise<void> {
    return this.#loop.close();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<InboxBatch> {
    while (!this.#loop.closed) {
      const entries = await this.#readSafely();
      if (entries.length === 0) continue;
      let events = 0;
      for (const batch of this.#batches(entries)) {
        events += batch.entries.length;
        yield batch;
      }
      const pauseMs = this.#pace.after(entries.length, Math.max(entries.length, events));
      if (pauseMs > 0 && entries.length < READ_COUNT) await this.#loop.pause(pauseMs);
    }
  }

  async #readSafely(): Promise<RawEntry[]> {
    try {
      return await this.#read();
    } catch (error) {
      await this.#loop.backOff(error, 'reading the inbox');
      return [];
    }
  }

  async #read(): Promise<RawEntry[]> {
    const instance = this.#instance();
    if (instance !== this.#current) {
      this.#current = instance;
      this.#last = OPENER;
      this.#forgotten = OPENER;
    }
    const key = this.#connection.keys.inbox(instance);
    const reply = await this.#loop.read((client) => {
      this.#forget(client, key);
      return client.xread('COUNT', READ_COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', key, `1-${this.#last}`);
    });
    // The instance may have changed during the read: what came is of an inbox that counts no more.
    if (this.#instance() !== this.#current) return [];
    return reply?.[0]?.[1] ?? [];
  }

  /** What was read and pushed is nobody's any more. In the same write as the read that follows. */
  #forget(client: RedisClient, key: string): void {
    if (this.#last - this.#forgotten < READ_BEFORE_FORGOTTEN) return;
    this.#forgotten = this.#last;
    client.xtrim(key, 'MINID', '~', `1-${this.#last}`).catch((error: unknown) => {
      this.#connection.log.warn({ error: String(error) }, 'read entries stay in the inbox until its length trims them');
    });
  }

  /** Cuts the entries where something is missing, so that each batch says whether a gap is before it, and where a batch is full. */
  *#batches(raw: RawEntry[]): Generator<InboxBatch> {
    let batch: InboxBatch = { entries: [], gap: false };
    let deliveries = 0;
    for (const [id, fields] of raw) {
      const seq = Number(id.split('-')[1]);
      const { entries, complete } = this.#decode(seq, fields);
      const lost = seq !== this.#last + 1 || !complete;
      if (lost || deliveries >= BATCH) {
        if (batch.entries.length > 0) yield batch;
        batch = { entries: [], gap: lost };
        deliveries = 0;
      }
      batch.entries.push(...entries);
      for (const { meta } of entries) deliveries += Math.max(1, meta.to.length);
      this.#last = seq;
    }
    if (batch.entries.length > 0 || batch.gap) yield batch;
  }

  /** An event that this version cannot read is a lost event for the sockets, like a trimmed one. */
  #decode(seq: number, fields: string[] | null): { entries: InboxEntry[]; complete: boolean } {
    const position = seq - OPENER;
    const { events, problem } = decodeInboxEntry(fields);
    if (problem !== undefined) {
      this.#connection.log.warn({ position, problem }, 'an inbox entry is not readable');
    }
    return { entries: events.map((event) => ({ position, ...event })), complete: problem === undefined };
  }
}
