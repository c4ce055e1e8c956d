import type { Clock, Revocation } from '@confab/chat';
import { type GatewayServer, type GatewaySocket, userRoom } from './session.ts';
import type { EndSession } from './session-end.ts';

/** The longest delay of a Node timer, milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface SessionExpiry {
  /** Ends the socket when its token expires. */
  watch(socket: GatewaySocket): void;
  /** The token is no longer good; checked before each event too, since timers may be late. */
  isExpired(socket: GatewaySocket): boolean;
  /** Ends the sockets that the revocation is about. */
  revoke(revocation: Revocation): void;
}

/** @param toleranceMs by which clocks may differ (JWT_CLOCK_TOLERANCE) */
export function createSessionExpiry(
  io: GatewayServer,
  endSession: EndSession,
  { clock, toleranceMs }: { clock: Clock; toleranceMs: number },
): SessionExpiry {
  const remainingMs = (socket: GatewaySocket) => socket.data.identity.expiresAt * 1_000 + toleranceMs - clock.now();

  const watch = (socket: GatewaySocket) => {
    const remaining = remainingMs(socket);
    if (remaining <= 0) return endSession(socket, 'TOKEN_EXPIRED');
    const timer = setTimeout(() => watch(socket), Math.min(remaining, MAX_TIMER_MS));
    socket.once('disconnect', () => clearTimeout(timer));
  };

  return {
    watch,
    isExpired: (socket) => remainingMs(socket) <= 0,
    revoke(revocation) {
      for (const socket of candidates(io, revocation)) {
        if (isMeant(socket, revocation)) endSession(socket, 'TOKEN_REVOKED');
      }
    },
  };
}

/** Whether a token falls under a revocation. */
export function isMeant({ data }: Pick<GatewaySocket, 'data'>, { userId, tokenId, issuedBefore }: Revocation): boolean {
  const { identity } = data;
  if (tokenId !== undefined && identity.tokenId === tokenId) return true;
  return userId === identity.userId && identity.issuedAt < issuedBefore;
}

function candidates(io: GatewayServer, { userId, tokenId }: Revocation): GatewaySocket[] {
  const sockets = io.sockets.sockets;
  if (tokenId !== undefined || userId === undefined) return [...sockets.values()];
  const ids = io.sockets.adapter.rooms.get(userRoom(userId)) ?? [];
  return [...ids].map((id) => sockets.get(id)).filter((socket) => socket !== undefined);
}
