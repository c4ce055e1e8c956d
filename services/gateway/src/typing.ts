import type { Clock, SignalPublisher } from '@confab/chat';
import { ChatError, type Signal } from '@confab/contracts';
import type { FormerMembers } from './former-members.ts';
import { type GatewayServer, type GatewaySocket, userRoom } from './session.ts';

/** Milliseconds without a further start after which a place is free for another conversation: a client need not say that it stopped. Source: several times the throttle. */
const ABANDONED_MS = 10_000;
/** Milliseconds in which a socket tells the others at most once that it types. Source: clients repeat it with every key. */
const THROTTLE_MS = 1_500;
/** Conversations in which one socket types at a time. */
const MAX_TYPING = 20;
/** Milliseconds after which those who were told of the start are asked for anew before they are told of the stop. Source: as the membership cache's. */
const BELIEVED_MS = 15_000;

export interface Typing {
  started(socket: GatewaySocket, conversationId: string, participants: readonly string[]): void;
  /** The socket types there no more. Whoever was told of it, and is still a member, is told so. */
  left(socket: GatewaySocket, conversationId: string): void;
  /** These users are no members any more: what they were told of goes on without them. */
  forget(conversationId: string, userIds: readonly string[]): void;
  /** News of members may have been lost: nobody is believed to be one any more. */
  doubt(): void;
  /** The socket is gone: it types nowhere any more. */
  gone(socket: GatewaySocket): void;
  /** Shows a signal of any gateway to the sockets here. */
  show(signal: Signal): void;
}

export interface TypingOptions {
  io: GatewayServer;
  signals: SignalPublisher;
  formerMembers: Pick<FormerMembers, 'has'>;
  /** The participants of now, as the socket's user. @throws ChatError NOT_FOUND if they are none; UNAVAILABLE if nobody can tell */
  participantsNow(socket: GatewaySocket, conversationId: string): Promise<readonly string[]>;
  clock: Clock;
}

/** Who was told that somebody types. */
interface Audience {
  userIds: readonly string[];
  /** Until when they are believed to be members (Unix ms). */
  believedUntil: number;
}

/** Typing indicators: ephemeral, throttled, and never shown to the one who types. */
export function createTyping({ io, signals, formerMembers, participantsNow, clock }: TypingOptions): Typing {
  /** By conversation and socket, who was told of the start, and so is told of the stop, which the client may never send. */
  const audiences = new Map<string, Map<GatewaySocket, Audience>>();

  const send = (event: Signal['event'], socket: GatewaySocket, conversationId: string, to: readonly string[]) => {
    const { userId } = socket.data.identity;
    void signals.signal(
      { event, conversationId, userId },
      to.filter((participant) => participant !== userId),
    );
  };

  const stop = (socket: GatewaySocket, conversationId: string, { userIds, believedUntil }: Audience) => {
    if (clock.now() < believedUntil) return send('typing:stop', socket, conversationId, userIds);
    const stillMembers = participantsNow(socket, conversationId).then(
      (members) => userIds.filter((userId) => members.includes(userId)),
      // Nobody changes members while the api is away; and whoever is none any more says nothing there.
      (error: unknown) => (error instanceof ChatError && error.code === 'NOT_FOUND' ? [] : userIds),
    );
    void stillMembers.then((to) => send('typing:stop', socket, conversationId, to));
  };

  const left = (socket: GatewaySocket, conversationId: string) => {
    const typists = audiences.get(conversationId);
    const told = typists?.get(socket);
    typists?.delete(socket);
    if (typists?.size === 0) audiences.delete(conversationId);
    if (socket.data.typing.delete(conversationId) && told) stop(socket, conversationId, told);
  };

  return {
    started(socket, conversationId, participants) {
      // It was asked who takes part, and the socket may be gone since: nobody would tell them of the stop.
      if (!socket.connected || socket.data.ended) return;
      const { typing } = socket.data;
      const last = typing.get(conversationId);
      if (last !== undefined && clock.now() - last < THROTTLE_MS) return;
      // The last one to be told of is the last of the map: the first is where nothing was typed for the longest.
      typing.delete(conversationId);
      const [first] = typing;
      if (first && typing.size >= MAX_TYPING) {
        if (clock.now() - first[1] < ABANDONED_MS) return;
        left(socket, first[0]);
      }
      typing.set(conversationId, clock.now());
      const typists = audiences.get(conversationId) ?? new Map<GatewaySocket, Audience>();
      const audience = { userIds: participants, believedUntil: clock.now() + BELIEVED_MS };
      audiences.set(conversationId, typists.set(socket, audience));
      send('typing:start', socket, conversationId, participants);
    },
    left,
    forget(conversationId, userIds) {
      for (const [socket, told] of [...(audiences.get(conversationId) ?? [])]) {
        const remaining = told.userIds.filter((userId) => !userIds.includes(userId));
        audiences.get(conversationId)?.set(socket, { ...told, userIds: remaining });
        // From now on nothing that happens there need reach this gateway: who is gone types no more.
        if (userIds.includes(socket.data.identity.userId)) left(socket, conversationId);
      }
    },
    doubt() {
      for (const typists of audiences.values())
        for (const audience of typists.values()) audience.believedUntil = Number.NEGATIVE_INFINITY;
    },
    gone(socket) {
      for (const conversationId of [...socket.data.typing.keys()]) left(socket, conversationId);
    },
    show({ event, to, conversationId, userId }) {
      const shown = to.filter((recipient) => recipient !== userId && !formerMembers.has(conversationId, recipient));
      // For Socket.IO no room at all means everybody.
      if (shown.length === 0) return;
      const target = io.local.to(shown.map(userRoom));
      // A start may be dropped under pressure; a lost stop would leave "is typing" standing.
      const payload = { conversationId, userId };
      if (event === 'typing:start') target.volatile.emit(event, payload);
      else target.emit(event, payload);
    },
  };
}
