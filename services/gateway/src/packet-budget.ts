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

export interface PacketLimits {
  watch(socket: GatewaySocket): void;
  forget(socket: GatewaySocket): void;
}

interface Watched {
  socket: GatewaySocket;
  budget: EventBudget;
  frames: WebSocket | undefined;
}

/**
 * Cuts a socket that floods with what is no event, which the event budget never sees: acks, heartbeats, and the pings and pongs of
 * WebSocket itself. The listeners are the same functions for all sockets and find theirs by `this`: closures of each would make an idle
 * connection dearer.
 */
export function createPacketLimits({ eventsPerSecond, endSession, websocketOf }: PacketLimitOptions): PacketLimits {
  const perSecond = eventsPerSecond * PACKETS_PER_EVENT;
  const rule = { perSecond, burst: perSecond * BURST_S, now: () => performance.now() };
  const byConnection = new Map<EngineConnection, Watched>();
  const byFrames = new Map<WebSocket, Watched>();

  const take = (watched: Watched | undefined) => {
    if (watched && !watched.budget.take()) endSession(watched.socket, 'ABUSE');
  };
  function onPacket(this: EngineConnection): void {
    take(byConnection.get(this));
  }
  function onFrame(this: WebSocket): void {
    take(byFrames.get(this));
  }
  function onUpgrade(this: EngineConnection): void {
    const watched = byConnection.get(this);
    if (watched) follow(watched);
  }

  const unfollow = (watched: Watched) => {
    const { frames } = watched;
    if (!frames) return;
    frames.off('ping', onFrame).off('pong', onFrame);
    byFrames.delete(frames);
    watched.frames = undefined;
  };
  const follow = (watched: Watched) => {
    unfollow(watched);
    const frames = websocketOf(watched.socket.conn);
    if (!frames) return;
    frames.on('ping', onFrame).on('pong', onFrame);
    byFrames.set(frames, watched);
    watched.frames = frames;
  };

  return {
    watch(socket) {
      const watched: Watched = { socket, budget: new EventBudget(rule), frames: undefined };
      byConnection.set(socket.conn, watched);
      follow(watched);
      socket.conn.on('packet', onPacket);
      // What a WebSocket carries is not upgraded any further.
      if (!watched.frames) socket.conn.on('upgrade', onUpgrade);
    },
    forget(socket) {
      const watched = byConnection.get(socket.conn);
      if (watched?.socket !== socket) return;
      unfollow(watched);
      byConnection.delete(socket.conn);
      socket.conn.off('packet', onPacket);
      socket.conn.off('upgrade', onUpgrade);
    },
  };
}
