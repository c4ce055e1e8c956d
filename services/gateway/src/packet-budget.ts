import { EventBudget } from './event-budget.ts';
import type { GatewaySocket } from './session.ts';
import type { EndSession } from './session-end.ts';

/**
 * Packets that a socket may send for each event that it may send. Source: an event with two attachments is three packets; heartbeats
 * and acks come on top.
 */
const PACKETS_PER_EVENT = 5;
const BURST_S = 3;

/** Cuts a socket that floods with packets that are no events (acks, heartbeats), which the event budget never sees. */
export function limitPackets(socket: GatewaySocket, eventsPerSecond: number, endSession: EndSession): void {
  const perSecond = eventsPerSecond * PACKETS_PER_EVENT;
  const budget = new EventBudget(perSecond, perSecond * BURST_S, () => performance.now());
  const connection = socket.conn;
  const onPacket = () => {
    if (!budget.take()) endSession(socket, 'ABUSE');
  };
  connection.on('packet', onPacket);
  socket.once('disconnect', () => connection.off('packet', onPacket));
}
