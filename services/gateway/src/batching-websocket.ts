import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { TextFrames, textFrame } from './text-frame.ts';

type Callback = (error?: Error | null) => void;

/**
 * Bytes that count as sent before the operating system has them. With more, Engine.IO keeps back what follows until they are taken, as it
 * does for every text by itself. Source: a turn's worth for one socket, far below the bound of slow consumers.
 */
const HANDED_OVER_BYTES = 64 * 1_024;

/** WebSockets that wrote in this turn, and whose bytes are held back until its end. */
let holding: BatchingWebSocket[] = [];

function releaseAll(): void {
  const held = holding;
  holding = [];
  for (const websocket of held) websocket.release();
}

/**
 * A WebSocket whose texts of one turn of the event loop go to the operating system in one write: with a write per frame, system calls
 * were most of what a pushed message cost. `TextFrames` are several texts, and go as they are. Nothing waits longer than until the turn's own code has run, so a single
 * text is as fast as before. What the other side does not take is bounded by `SlowConsumers`, which counts what is held here too.
 */
export class BatchingWebSocket extends WebSocket {
  #carrier: Duplex | undefined;
  #held = false;

  /** The connection underneath, which `ws` itself does not tell. Only for one without compression. */
  carryOver(carrier: Duplex): void {
    this.#carrier = carrier;
  }

  /**
   * As in `ws`; but a text counts as sent once it is handed over, so that what Engine.IO sends next joins the same write. A
   * connection that fails says so by its `close` event, after which Engine.IO ends the session.
   */
  override send(data: Parameters<WebSocket['send']>[0], ...rest: unknown[]): void {
    const callback = rest.at(-1);
    const carrier = this.#carrier;
    const isText = typeof data === 'string';
    if (!(isText || data instanceof TextFrames) || !carrier || this.readyState !== WebSocket.OPEN) {
      Reflect.apply(super.send, this, [data, ...rest]);
      return;
    }
    // Frames are a turn's texts already: only what was held back before them holds them too.
    if (isText) this.#hold(carrier);
    const bytes = isText ? textFrame(data) : data;
    if (typeof callback !== 'function') carrier.write(bytes);
    else if (carrier.writableLength > HANDED_OVER_BYTES) carrier.write(bytes, callback as Callback);
    else {
      carrier.write(bytes);
      callback();
    }
  }

  /** Ends the connection at once, after what was handed over in this turn. */
  override terminate(): void {
    this.release();
    super.terminate();
  }

  /** Lets go what is held back. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#carrier?.uncork();
  }

  #hold(carrier: Duplex): void {
    if (this.#held) return;
    this.#held = true;
    carrier.cork();
    if (holding.length === 0) queueMicrotask(releaseAll);
    holding.push(this);
  }
}

/** A server of such WebSockets, for Socket.IO's `wsEngine`. */
export class BatchingWebSocketServer extends WebSocketServer<typeof BatchingWebSocket> {
  constructor(options: ConstructorParameters<typeof WebSocketServer>[0]) {
    // The documented way to another class of WebSocket; its type is only found by way of the class itself.
    super({ ...options, WebSocket: BatchingWebSocket, perMessageDeflate: false } as ConstructorParameters<
      typeof WebSocketServer<typeof BatchingWebSocket>
    >[0]);
  }

  override handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    onUpgraded: (client: BatchingWebSocket, request: IncomingMessage) => void,
  ): void {
    super.handleUpgrade(request, socket, head, (websocket, upgraded) => {
      websocket.carryOver(socket);
      onUpgraded(websocket, upgraded);
    });
  }
}
