import type { InboxBatch, InboxEntry, TraceLog } from '@confab/chat';
import { encodeEvent } from './raw-json-parser.ts';
import type { GatewayServer } from './session.ts';
import { TurnPackets } from './turn-packets.ts';

/**
 * What is pushed before the event loop gets a turn. `deliveries`, events by recipients. Source: about 20 ms of other work's time; at 1,000 instead of
 * 500, one write to a socket has twice as many events under a backlog, and writes are a quarter of what a pushed message costs. `bytes` of
 * payloads, which are in memory twice. `bytesOfOne`, to one user: it counts against the bound of slow consumers.
 */
const TURN = { deliveries: 1_000, bytes: 1_024 ** 2, bytesOfOne: 256 * 1_024 } as const;

export interface PushOptions {
  io: GatewayServer;
  /** The members of a conversation changed: these came or went. */
  onMembers(conversationId: string, userIds: readonly string[], change: string): void;
  /** Events were lost before this batch. */
  onGap(): void;
  /** These were written; may be none. */
  onPushed(entries: readonly InboxEntry[]): void;
  log: TraceLog;
}

/** Pushes batches of the inbox to the sockets of their recipients, in order. An event is encoded once for all of them. */
export function createPush({ io, onMembers, onGap, onPushed, log }: PushOptions): (batch: InboxBatch) => Promise<void> {
  const packets = new TurnPackets();
  let added: InboxEntry[] = [];
  const flush = () => {
    packets.flush(io, (error) => log.warn({ err: error }, 'a socket was not written to'));
    onPushed(added);
    added = [];
  };

  /** Over batches: the next one comes in the same turn where a read brought several. */
  let [deliveries, bytes] = [0, 0];
  /** Written within the turn already: what each got of it is not known any more. */
  let isCut = false;
  const isTurnOver = () =>
    isCut || deliveries >= TURN.deliveries || bytes >= TURN.bytes || packets.longest >= TURN.bytesOfOne;
  const endOfTurn = async () => {
    [deliveries, bytes, isCut] = [0, 0, false];
    await new Promise<void>((resolve) => setImmediate(resolve));
  };

  const add = (entry: InboxEntry) => {
    const { meta, payload, position } = entry;
    deliveries += meta.to.length;
    bytes += payload.length;
    if (!isObjectText(payload) || meta.to.length === 0) {
      return log.warn({ event: meta.event, position }, 'an inbox entry has no payload or no recipients');
    }
    if (meta.event === 'conversation:updated' && meta.conversationId) {
      // What was pushed before it goes out before it, and it only then: whoever acts on it must not meet the old members.
      flush();
      isCut = true;
      onMembers(meta.conversationId, meta.userIds ?? [], changeIn(payload));
    }
    packets.add(meta.to, encodeEvent(meta.event, payload));
    log.debug({ traceId: meta.traceId, event: meta.event, messageId: meta.messageId }, 'pushed');
    added.push(entry);
  };

  return async ({ entries, gap }) => {
    if (gap) {
      onGap();
      io.local.emit('sync:required', { reason: 'Events were lost on their way to this gateway' });
    }
    for (const entry of entries) {
      try {
        add(entry);
      } catch (error) {
        // An event name that Socket.IO reserves: the others of the batch go out all the same.
        log.warn({ err: error, position: entry.position }, 'an inbox entry was not pushed');
      }
      if (!isTurnOver()) continue;
      flush();
      await endOfTurn();
    }
    flush();
  };
}

/** What happened to the members. The only payload that is read here: it is rare, and decides who is told what after it. */
const changeIn = (payload: string): string => String((JSON.parse(payload) as { change?: unknown }).change);

/** The payload is passed on unparsed; what is obviously none would make every client drop its connection. */
const isObjectText = (text: string) => text.startsWith('{') && text.endsWith('}');
