import type { Clock, Revocation } from '@confab/chat';
import type { Identity } from '@confab/service-kit';
import { type GatewayServer, type GatewaySocket, userRoom } from './session.ts';
import type { EndSession } from './session-end.ts';

/** Milliseconds between two looks for tokens that expired. Source: a socket is cut within 5 s, the grace of its end included. */
const SWEEP_MS = 250;

export interface SessionExpiry {
  /** Ends the socket when its token expires; at once if it was revoked meanwhile. In the turn in which the socket enters its user's room. */
  watch(socket: GatewaySocket): void;
  /** The socket is gone. */
  forget(socket: GatewaySocket): void;
  /** The token is no longer good; checked before each event too, since the sweep comes a moment later. */
  isExpired(socket: GatewaySocket): boolean;
  /** Ends the sockets that the revocation is about. */
  revoke(revocation: Revocation): void;
  close(): void;
}

export interface SessionExpiryOptions {
  clock: Clock;
  /** By which clocks may differ (JWT_CLOCK_TOLERANCE). */
  toleranceMs: number;
  /** Asked for when a socket is through with entering: a revocation that came while it was found no socket to end. */
  isRevoked(identity: Identity): boolean;
}

export function createSessionExpiry(
  io: GatewayServer,
  endSession: EndSession,
  { clock, toleranceMs, isRevoked }: SessionExpiryOptions,
): SessionExpiry {
  const remainingMs = (socket: GatewaySocket) => socket.data.identity.expiresAt * 1_000 + toleranceMs - clock.now();

  // By the second in which they expire: a timer for each socket would cost more memory than all else that is known of it.
  const bySecond = new Map<number, Set<GatewaySocket>>();
  const secondOf = (socket: GatewaySocket) => socket.data.identity.expiresAt;

  const sweep = setInterval(() => {
    const now = (clock.now() - toleranceMs) / 1_000;
    for (const [second, sockets] of bySecond) {
      if (second > now) continue;
      bySecond.delete(second);
      for (const socket of sockets) endSession(socket, 'TOKEN_EXPIRED');
    }
  }, SWEEP_MS);
  sweep.unref();

  return {
    watch(socket) {
      if (isRevoked(socket.data.identity)) return endSession(socket, 'TOKEN_REVOKED');
      if (remainingMs(socket) <= 0) return endSession(socket, 'TOKEN_EXPIRED');
      const sockets = bySecond.get(secondOf(socket)) ?? new Set();
      bySecond.set(secondOf(socket), sockets.add(socket));
    },
    forget(socket) {
      const sockets = bySecond.get(secondOf(socket));
      if (sockets?.delete(socket) && sockets.size === 0) bySecond.delete(secondOf(socket));
    },
    close: () => clearInterval(sweep),
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
