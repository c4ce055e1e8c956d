import type { Carriers, EngineConnection } from './engine-connection.ts';

export interface SlowConsumerOptions {
  carriers: Carriers;
  /** Called once for a connection that is too slow. */
  cut(connection: EngineConnection): void;
  /** Bytes that a connection may hold for `softMs`. */
  softBytes?: number;
  /** Milliseconds. Source: cut within 10 s, the grace of the end included. */
  softMs?: number;
  /** Bytes above which it is cut at once. Source: 2 MB at most, less what one turn of the push may add: 256 KB and the event that passes them, which may be as large. */
  hardBytes?: number;
  sweepMs?: number;
  now?: () => number;
}

export interface SlowConsumers {
  watch(connection: EngineConnection): void;
  /** The connection is closed. */
  forget(connection: EngineConnection): void;
  /** Bytes that the connection holds now. */
  heldBytes(connection: EngineConnection): number;
  /** Bytes that all connections hold now. */
  totalBytes(): number;
  close(): void;
}

interface Watched {
  /** Bytes in Engine.IO's own buffer, waiting for the transport. */
  queued: number;
  /** Bytes that it handed over last, all at once: at most so many of them has the operating system not taken yet. */
  handedOver: number;
  overSince: number | undefined;
  checking: boolean;
  cut: boolean;
}

/**
 * Bounds what a client that does not read makes us hold: packets that Engine.IO keeps back, and bytes that the operating system
 * does not take. A stopped client held 188,000 packets before there was a bound.
 */
export function createSlowConsumers(options: SlowConsumerOptions): SlowConsumers {
  const { carriers, cut, softBytes = 1024 ** 2, softMs = 5_000, hardBytes = 1.5 * 1024 ** 2, sweepMs = 500 } = options;
  const now = options.now ?? (() => performance.now());
  const watched = new Map<EngineConnection, Watched>();

  const heldBytes = (connection: EngineConnection) =>
    (watched.get(connection)?.queued ?? 0) + carriers.unsentBytes(connection);

  const check = (connection: EngineConnection, state: Watched) => {
    const held = heldBytes(connection);
    if (held <= softBytes) state.overSince = undefined;
    else state.overSince ??= now();
    const tooLong = state.overSince !== undefined && now() - state.overSince >= softMs;
    if (state.cut || !(held > hardBytes || tooLong)) return;
    state.cut = true;
    cut(connection);
  };

  const sweep = setInterval(() => {
    for (const [connection, state] of watched) check(connection, state);
  }, sweepMs);
  sweep.unref();

  // Functions for all connections, which find theirs by `this`: closures of each would be a third of our share of an idle connection.
  function onPacket(this: EngineConnection, packet: EnginePacket): void {
    const state = watched.get(this);
    if (!state) return;
    state.queued += sizeOf(packet);
    // What was handed over counts too: else a client that takes a little now and then holds the bound twice.
    if (state.queued + state.handedOver <= hardBytes || state.checking) return;
    state.checking = true;
    // After this turn: a fast client takes what one turn wrote.
    setImmediate(() => {
      state.checking = false;
      check(this, state);
    });
  }

  /** Engine.IO hands over its whole buffer at once. */
  function onFlush(this: EngineConnection): void {
    const state = watched.get(this);
    if (!state) return;
    state.handedOver = state.queued;
    state.queued = 0;
  }

  return {
    watch(connection) {
      watched.set(connection, { queued: 0, handedOver: 0, overSince: undefined, checking: false, cut: false });
      connection.on('packetCreate', onPacket);
      connection.on('flush', onFlush);
    },
    forget: (connection) => void watched.delete(connection),
    heldBytes,
    totalBytes() {
      let bytes = 0;
      for (const connection of watched.keys()) bytes += heldBytes(connection);
      return bytes;
    },
    close: () => clearInterval(sweep),
  };
}

interface EnginePacket {
  data?: string | Buffer;
  options?: { wsPreEncodedFrame?: Buffer[] };
}

/** Bytes of a packet. A broadcast comes with its frame, whose length is exact; otherwise characters stand for bytes. */
function sizeOf({ data, options }: EnginePacket): number {
  const frame = options?.wsPreEncodedFrame;
  if (frame) return frame.reduce((sum, part) => sum + part.length, 0);
  return data?.length ?? 0;
}
