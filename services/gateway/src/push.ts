import type { InboxBatch, InboxEntry, TraceLog } from '@confab/chat';
import { encodeEvent } from './raw-json-parser.ts';
import { type GatewayServer, userRoom } from './session.ts';

/**
 * Bytes written before the event loop gets a turn: sockets hand over to the operating system only then, and what they hold
 * meanwhile counts against the bound of slow consumers.
 */
const TURN_BYTES = 256 * 1_024;

export interface PushOptions {
  io: GatewayServer;
  /** The members of a conversation changed: these came or went. */
  onMembers(conversationId: string, userIds: readonly string[], change: string): void;
  /** Events were lost before this batch. */
  onGap(): void;
  onPushed(entry: InboxEntry): void;
  log: TraceLog;
}

/** Pushes batches of the inbox to the sockets of their recipients, in order. An event is encoded once for all of them. */
export function createPush({ io, onMembers, onGap, onPushed, log }: PushOptions): (batch: InboxBatch) => Promise<void> {
  const pushOne = (entry: InboxEntry) => {
    const { meta, payload, position } = entry;
    if (!isObjectText(payload) || meta.to.length === 0) {
      return log.warn({ event: meta.event, position }, 'an inbox entry has no payload or no recipients');
    }
    // Before the event goes out: whoever acts on it must not meet the old members.
    if (meta.event === 'conversation:updated' && meta.conversationId)
      onMembers(meta.conversationId, meta.userIds ?? [], changeIn(payload));
    const packet = encodeEvent(meta.event, payload);
    for (const userId of meta.to) writeTo(io, userId, packet);
    log.debug({ traceId: meta.traceId, event: meta.event, messageId: meta.messageId }, 'pushed');
    onPushed(entry);
  };

  return async ({ entries, gap }) => {
    if (gap) {
      onGap();
      io.local.emit('sync:required', { reason: 'Events were lost on their way to this gateway' });
    }
    let bytes = 0;
    for (const entry of entries) {
      try {
        pushOne(entry);
      } catch (error) {
        // An event name that Socket.IO reserves: the others of the batch go out all the same.
        log.warn({ err: error, position: entry.position }, 'an inbox entry was not pushed');
      }
      bytes += entry.payload.length;
      if (bytes < TURN_BYTES) continue;
      bytes = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
}

/**
 * Writes an encoded packet to all sockets of a user, straight to their connections: by way of the rooms of a broadcast a message to one
 * user cost twice as much.
 */
function writeTo({ sockets: namespace }: GatewayServer, userId: string, packet: string): void {
  for (const id of namespace.adapter.rooms.get(userRoom(userId)) ?? []) {
    // Engine.IO's public `write`, which sockets type as a narrower thing.
    (namespace.sockets.get(id)?.conn as { write(data: string): unknown } | undefined)?.write(packet);
  }
}

/** What happened to the members. The only payload that is read here: it is rare, and decides who is told what after it. */
const changeIn = (payload: string): string => String((JSON.parse(payload) as { change?: unknown }).change);

/** The payload is passed on unparsed; what is obviously none would make every client drop its connection. */
const isObjectText = (text: string) => text.startsWith('{') && text.endsWith('}');
