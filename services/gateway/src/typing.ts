import type { Clock, SignalPublisher } from '@confab/chat';
import type { Signal } from '@confab/contracts';
import { type GatewayServer, type GatewaySocket, userRoom } from './session.ts';

/** Milliseconds in which a socket tells the others at most once that it types. Source: clients repeat it with every key. */
const THROTTLE_MS = 1_500;
/** Conversations in which one socket types at a time. */
const MAX_TYPING = 20;

export interface Typing {
  started(socket: GatewaySocket, conversationId: string, participants: readonly string[]): void;
  /** The socket types there no more. Whoever was told of it is told so. */
  left(socket: GatewaySocket, conversationId: string): void;
  /** These users are no members any more: what they were told of goes on without them. */
  forget(conversationId: string, userIds: readonly string[]): void;
  /** The socket is gone: it types nowhere any more. */
  gone(socket: GatewaySocket): void;
  /** Shows a signal of any gateway to the sockets here. */
  show(signal: Signal): void;
}

/** Typing indicators: ephemeral, throttled, and never shown to the one who types. */
export function createTyping(io: GatewayServer, signals: SignalPublisher, clock: Clock): Typing {
  /** By conversation and socket, who was told of the start, and so is told of the stop, which the client may never send. */
  const audiences = new Map<string, Map<GatewaySocket, readonly string[]>>();

  const send = (event: Signal['event'], socket: GatewaySocket, conversationId: string, to: readonly string[]) => {
    const { userId } = socket.data.identity;
    void signals.signal(
      { event, conversationId, userId },
      to.filter((participant) => participant !== userId),
    );
  };

  const left = (socket: GatewaySocket, conversationId: string) => {
    const typists = audiences.get(conversationId);
    const told = typists?.get(socket);
    typists?.delete(socket);
    if (typists?.size === 0) audiences.delete(conversationId);
    if (socket.data.typing.delete(conversationId) && told) send('typing:stop', socket, conversationId, told);
  };

  return {
    started(socket, conversationId, participants) {
      const { typing } = socket.data;
      const last = typing.get(conversationId);
      if (last !== undefined && clock.now() - last < THROTTLE_MS) return;
      if (last === undefined && typing.size >= MAX_TYPING) return;
      typing.set(conversationId, clock.now());
      const typists = audiences.get(conversationId) ?? new Map<GatewaySocket, readonly string[]>();
      audiences.set(conversationId, typists.set(socket, participants));
      send('typing:start', socket, conversationId, participants);
    },
    left,
    forget(conversationId, userIds) {
      for (const [socket, told] of [...(audiences.get(conversationId) ?? [])]) {
        const remaining = told.filter((userId) => !userIds.includes(userId));
        audiences.get(conversationId)?.set(socket, remaining);
        // From now on nothing that happens there need reach this gateway: who is gone types no more.
        if (userIds.includes(socket.data.identity.userId)) left(socket, conversationId);
      }
    },
    gone(socket) {
      for (const conversationId of [...socket.data.typing.keys()]) left(socket, conversationId);
    },
    show({ event, to, conversationId, userId }) {
      const rooms = to.filter((recipient) => recipient !== userId).map(userRoom);
      // For Socket.IO no room at all means everybody.
      if (rooms.length === 0) return;
      const target = io.local.to(rooms);
      // A start may be dropped under pressure; a lost stop would leave "is typing" standing.
      const payload = { conversationId, userId };
      if (event === 'typing:start') target.volatile.emit(event, payload);
      else target.emit(event, payload);
    },
  };
}
