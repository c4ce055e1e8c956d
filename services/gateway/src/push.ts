import type { InboxBatch, InboxEntry, TraceLog } from '@confab/chat';
import { GatheredPackets, type WriteTurn } from './gathered-packets.ts';
import { encodeEvent } from './raw-json-parser.ts';
import type { GatewayServer } from './session.ts';

/**
 * What is added, and what is written, before the event loop gets a turn. `deliveries`, events by recipients. Source: about 20 ms of other work's
 * time. `bytes` that are written, which are in memory twice then. `bytesOfOne`, to one user: it counts against the bound of slow consumers.
 */
const TURN = { deliveries: 1_000, bytes: 1_024 ** 2, bytesOfOne: 256 * 1_024 } as const;
/**
 * What is gathered over turns before it is written. Source: measured; at 4,000 deliveries instead of 1,000, one write to a socket has four times as
 * many events under a backlog, one receipt more messages, and a pushed message costs three quarters. `bytes` of payloads, which the read
 * has brought into memory already.
 */
const GATHERED = { deliveries: 4_000, bytes: 4 * 1_024 ** 2 } as const;

export interface PushOptions {
  io: GatewayServer;
  /** The members of a conversation changed: these came or went. */
  onMembers(conversationId: string, userIds: readonly string[], change: string): void;
  /** Events were lost before this batch. */
  onGap(): void;
  /** These were written, to sockets of those users; may be none. */
  onPushed(entries: readonly InboxEntry[], reached: ReadonlySet<string>): void;
  log: TraceLog;
}

/** Pushes batches of the inbox to the sockets of their recipients, in order. An event is encoded once for all of them. */
export function createPush({ io, onMembers, onGap, onPushed, log }: PushOptions): (batch: InboxBatch) => Promise<void> {
  const packets = new GatheredPackets();
  const turn = new Turn();
  let gathered: InboxEntry[] = [];
  let [deliveries, bytes] = [0, 0];
  const isFull = () =>
    deliveries >= GATHERED.deliveries ||
    bytes >= GATHERED.bytes ||
    turn.bytesOfOne + packets.longest >= TURN.bytesOfOne;

  const add = (entry: InboxEntry) => {
    const { meta, payload, position } = entry;
    turn.added += meta.to.length;
    if (!isObjectText(payload) || meta.to.length === 0) {
      return log.warn({ event: meta.event, position }, 'an inbox entry has no payload or no recipients');
    }
    if (isNewsOfMembers(meta)) onMembers(meta.conversationId, meta.userIds ?? [], changeIn(payload));
    packets.add(meta.to, encodeEvent(meta.event, payload));
    deliveries += meta.to.length;
    bytes += payload.length;
    gathered.push(entry);
    log.debug({ traceId: meta.traceId, event: meta.event, messageId: meta.messageId }, 'pushed');
  };
  const addSafely = (entry: InboxEntry) => {
    try {
      add(entry);
    } catch (error) {
      // An event name that Socket.IO reserves: the others of the batch go out all the same.
      log.warn({ err: error, position: entry.position }, 'an inbox entry was not pushed');
    }
  };
  const flush = async () => {
    const onFailure = (error: unknown) => log.warn({ err: error }, 'a socket was not written to');
    const reached = new Set<string>();
    const { longest } = packets;
    while (!packets.write(io, turn, reached, onFailure)) await turn.end();
    turn.bytesOfOne += longest;
    onPushed(gathered, reached);
    gathered = [];
    [deliveries, bytes] = [0, 0];
  };

  return async ({ entries, gap }) => {
    if (gap) {
      onGap();
      io.local.emit('sync:required', { reason: 'Events were lost on their way to this gateway' });
    }
    for (const entry of entries) {
      const isNews = isNewsOfMembers(entry.meta);
      // What was gathered before it goes out before it, and it only then: whoever acts on it must not meet the old members.
      if (isNews) await flush();
      addSafely(entry);
      if (isNews || isFull()) {
        await flush();
        // What each got is not known any more: they get more in another turn.
        await turn.end();
      } else if (turn.added >= TURN.deliveries) await turn.end();
    }
    await flush();
  };
}

/** A turn of the event loop, over batches: the next one comes in the same where a read brought several. */
class Turn implements WriteTurn {
  added = 0;
  /** What one user has been given in it at most, over all that was written: several batches may be written in one turn. */
  bytesOfOne = 0;
  #written = 0;
  #bytes = 0;

  get isWritten(): boolean {
    return this.#written >= TURN.deliveries || this.#bytes >= TURN.bytes;
  }

  wrote(deliveries: number, bytes: number): void {
    this.#written += deliveries;
    this.#bytes += bytes;
  }

  async end(): Promise<void> {
    [this.added, this.bytesOfOne, this.#written, this.#bytes] = [0, 0, 0, 0];
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

const isNewsOfMembers = (meta: InboxEntry['meta']): meta is InboxEntry['meta'] & { conversationId: string } =>
  meta.event === 'conversation:updated' && !!meta.conversationId;

/** What happened to the members. The only payload that is read here: it is rare, and decides who is told what after it. */
const changeIn = (payload: string): string => String((JSON.parse(payload) as { change?: unknown }).change);

/** The payload is passed on unparsed; what is obviously none would make every client drop its connection. */
const isObjectText = (text: string) => text.startsWith('{') && text.endsWith('}');
