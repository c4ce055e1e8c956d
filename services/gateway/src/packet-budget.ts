import type { WebSocket } from 'ws';
import type { EngineConnection } from './engine-connection.ts';
import { EventBudget } from './event-budget.ts';
import type { GatewaySocket } from './session.ts';
import type { EndSession } from './session-end.ts';

/**
 * Packets that a socket may send for each event that it may send. Source: an event with two attachments is three packets; heartbeats
 * and acks come on top.
 */
const PACKETS_PER_EVENT = 5;
const BURST_S = 3;

export interface PacketLimitOptions {
  eventsPerSecond: number;
  endSession: EndSession;
  /** What carries the connection now, if a WebSocket does. */
  websocketOf(connection: EngineConnection): WebSocket | undefined;
}

/**
 * Cuts a socket that floods with what is no event, which the event budget never sees: acks, heartbeats, and the pings and pongs of
 * WebSocket itself.
 */
export function limitPackets(socket: GatewaySocket, options: PacketLimitOptions): void {
  const { eventsPerSecond, endSession, websocketOf } = options;
  const perSecond = eventsPerSecond * PACKETS_PER_EVENT;
  const budget = new EventBudget(perSecond, perSecond * BURST_S, () => performance.now());
  const connection = socket.conn;
  const onPacket = () => {
    if (!budget.take()) endSession(socket, 'ABUSE');
  };
  let frames: WebSocket | undefined;
  const watchFrames = (change: 'on' | 'off') => {
    frames?.[change]('ping', onPacket);
    frames?.[change]('pong', onPacket);
  };
  const follow = () => {
    watchFrames('off');
    frames = websocketOf(connection);
    watchFrames('on');
  };
  follow();
  connection.on('upgrade', follow);
  connection.on('packet', onPacket);
  socket.once('disconnect', () => {
    connection.off('packet', onPacket);
    connection.off('upgrade', follow);
    watchFrames('off');
  });
}
