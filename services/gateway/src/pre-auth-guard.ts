import type { Carriers, EngineConnection } from './engine-connection.ts';

/** Milliseconds that a connection may stay without a valid token. */
const MAX_AGE_MS = 2_000;
/** Bytes that it may send until then. Source: a token of 8 KB and the handshake, times 30. */
const MAX_BYTES = 256 * 1_024;
/** Packets until then. Source: one CONNECT; some more for clients that try again. */
const MAX_PACKETS = 20;
/** Milliseconds that it may stay with a valid token until its user is counted in. Source: Socket.IO's own connectTimeout here; Redis may stall that long. */
const MAX_ENTERING_MS = 10_000;
const SWEEP_MS = 100;

interface Pending {
  since: number;
  maxAgeMs: number;
  bytesAtStart: number;
  packets: number;
  count: () => void;
}

export interface PreAuthGuard {
  /** From now on the connection has to authenticate. */
  watch(connection: EngineConnection): void;
  /** Its token is good, and its user is being counted in: it has more time, from its beginning on, and the other bounds hold. */
  wait(connection: EngineConnection): void;
  /** It has a socket: the guard lets it alone. */
  pass(connection: EngineConnection): void;
  /** It is closed. */
  closed(connection: EngineConnection): void;
  close(): void;
}

/**
 * Cuts connections that do not authenticate soon, or send more than a handshake needs, pings and fragments included, which
 * nothing above the TCP connection counts.
 */
export function createPreAuthGuard(
  carriers: Carriers,
  onCut: () => void,
  now: () => number = () => performance.now(),
): PreAuthGuard {
  const pending = new Map<EngineConnection, Pending>();

  const pass = (connection: EngineConnection) => {
    const state = pending.get(connection);
    if (!state) return;
    connection.off('packet', state.count);
    pending.delete(connection);
  };

  const cut = (connection: EngineConnection) => {
    pass(connection);
    onCut();
    // Whoever floods does not take part in closing: without waiting for them.
    carriers.destroy(connection);
  };

  const sweep = setInterval(() => {
    for (const [connection, state] of pending) {
      const bytes = carriers.bytesRead(connection) - state.bytesAtStart;
      if (now() - state.since > state.maxAgeMs || bytes > MAX_BYTES) cut(connection);
    }
  }, SWEEP_MS);
  sweep.unref();

  return {
    watch(connection) {
      if (pending.has(connection) || connection.readyState !== 'open') return;
      const state: Pending = {
        since: now(),
        maxAgeMs: MAX_AGE_MS,
        bytesAtStart: carriers.bytesRead(connection),
        packets: 0,
        count: () => {
          state.packets += 1;
          if (state.packets > MAX_PACKETS) cut(connection);
        },
      };
      pending.set(connection, state);
      connection.on('packet', state.count);
    },
    wait(connection) {
      const state = pending.get(connection);
      if (state) state.maxAgeMs = MAX_ENTERING_MS;
    },
    pass,
    closed(connection) {
      if (!pending.has(connection)) return;
      pass(connection);
      // A protocol error closes without the guard: no stranger is waited for to take part in that either.
      carriers.websocketOf(connection)?.terminate();
    },
    close: () => clearInterval(sweep),
  };
}
