import type { RevocationList } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import type { Identity, Logger, TokenVerifier } from '@confab/service-kit';
import type { EngineConnection } from './engine-connection.ts';
import type { GatewaySocket, Session } from './session.ts';

export interface HandshakeOptions {
  verifier: TokenVerifier;
  revocations: Pick<RevocationList, 'isRevoked'>;
  /** The token is good. */
  onAuthenticated(socket: GatewaySocket): void;
  /** The user is counted in: the connection is no stranger any more. */
  onEntered(socket: GatewaySocket): void;
  /** The request that opened the connection is not needed any more. */
  forgetRequest(connection: EngineConnection): void;
  /** Counts the user in and registers them with the directory. @returns undoes it. @throws ChatError TOO_MANY_CONNECTIONS, UNAVAILABLE */
  enter(identity: Identity): Promise<() => void>;
  newSession(socket: GatewaySocket, identity: Identity, token: string): Session;
  log: Logger;
}

/**
 * The middleware that every socket passes before its `connect`: token, revocations, limits, and the registration of its user, so
 * that whoever publishes after the client has seen `connect` finds this gateway.
 */
export function createHandshake(options: HandshakeOptions) {
  const admit = async (socket: GatewaySocket) => {
    const token = tokenOf(socket);
    const identity = await options.verifier.verify(token);
    if (options.revocations.isRevoked(revocationKey(identity))) throw new ChatError('TOKEN_REVOKED');
    options.onAuthenticated(socket);
    socket.data = options.newSession(socket, identity, token);
    forgetHandshake(socket, options.forgetRequest);
    await hold(socket, () => options.enter(identity));
    options.onEntered(socket);
  };

  return (socket: GatewaySocket, next: (error?: Error) => void): void => {
    admit(socket).then(
      () => next(),
      (error: unknown) => next(refusal(socket, error, options.log)),
    );
  };
}

/** The gate is held for as long as the socket or its connection lasts, whichever ends first; also if it ends while entering. */
async function hold(socket: GatewaySocket, enter: () => Promise<() => void>): Promise<void> {
  let ended = false;
  let leave: (() => void) | undefined;
  const end = () => {
    ended = true;
    leave?.();
  };
  socket.conn.once('close', end);
  socket.once('disconnect', () => {
    socket.conn.off('close', end);
    end();
  });
  try {
    leave = await enter();
  } catch (error) {
    // Whoever is refused may try again and again on one connection: nothing of it is kept.
    socket.conn.off('close', end);
    throw error;
  }
  if (ended || socket.conn.readyState !== 'open') leave();
}

const FORGOTTEN = { headers: {}, query: {}, auth: {}, url: '' };

/**
 * What the handshake brought is in the session now. A token from the header stays: a further socket on this connection has no other.
 */
function forgetHandshake(socket: GatewaySocket, forgetRequest: (connection: EngineConnection) => void): void {
  const { handshake, conn } = socket;
  if (typeof handshake.auth.token !== 'string') return;
  forgetRequest(conn);
  Object.assign(handshake, FORGOTTEN);
}

export const revocationKey = ({ userId, tokenId, issuedAt }: Identity) => ({
  userId,
  issuedAt,
  ...(tokenId !== undefined && { tokenId }),
});

function tokenOf({ handshake }: GatewaySocket): string {
  const given: unknown = handshake.auth.token ?? handshake.headers.authorization;
  if (typeof given !== 'string') throw new ChatError('UNAUTHENTICATED');
  return given.replace(/^Bearer\s+/i, '');
}

/** Failures that pass by themselves. */
const TRANSIENT = new Set(['UNAVAILABLE', 'OVERLOADED', 'INTERNAL']);

/**
 * The `connect_error` of a refused socket, with `data: {code, message, retryAfter?}`. After one, socket.io-client does not connect
 * again by itself; so a failure that passes by itself closes the transport instead (the client sees a lost connection, and no
 * `connect_error`), and it does.
 */
function refusal(socket: GatewaySocket, error: unknown, log: Logger): Error {
  const known = error instanceof ChatError ? error : new ChatError('INTERNAL', { cause: error });
  if (known.code === 'INTERNAL') log.error({ err: error }, 'a handshake failed');
  if (TRANSIENT.has(known.code)) socket.conn.close();
  return Object.assign(new Error(known.message), { data: known.toWire() });
}
