import { randomBytes } from 'node:crypto';
import type { Server as HttpServer } from 'node:http';
import { limits } from '@confab/contracts';
import { Server } from 'socket.io';
import type { ServerOptions as WebSocketOptions } from 'ws';
import { BatchingWebSocketServer } from './batching-websocket.ts';
import type { GatewaySettings } from './config.ts';
import type { ConnectionRules } from './connection-rules.ts';
import { rawJsonParser } from './raw-json-parser.ts';
import type { GatewayServer } from './session.ts';

/** Fragments of one message and chunks held of one frame. Source: browsers send a 256 KB message in at most 4 fragments. */
const FRAGMENT_BOUNDS = { maxFragments: 256, maxBufferedChunks: 4_096 };

class BoundedWebSocketServer extends BatchingWebSocketServer {
  constructor(options: WebSocketOptions) {
    super({ ...options, ...FRAGMENT_BOUNDS });
  }
}

/** The Socket.IO server, not attached yet. Bounds that are not here are in `admission` and `pre-auth-guard`. */
export function createSocketServer(config: GatewaySettings): GatewayServer {
  return new Server({
    parser: rawJsonParser,
    serveClient: false,
    cors: { origin: config.CLIENT_URL.map((url) => new URL(url).origin), credentials: true },
    pingInterval: config.PING_INTERVAL_MS,
    pingTimeout: config.PING_TIMEOUT_MS,
    maxHttpBufferSize: limits.bodyBytes,
    // Longer than the pre-auth guard waits: this is for sockets whose registration takes its time.
    connectTimeout: 10_000,
    upgradeTimeout: 5_000,
    // Compression costs memory per connection and time on the event loop; edges compress polling answers.
    httpCompression: false,
    perMessageDeflate: false,
    wsEngine: BoundedWebSocketServer,
  });
}

/** Attaches the server to HTTP, with our rules before its own. */
export function attachSocketServer(
  io: GatewayServer,
  httpServer: HttpServer,
  gatewayId: string,
  rules: Pick<ConnectionRules, 'admission' | 'onConnection'>,
): void {
  io.attach(httpServer);
  io.engine.use(rules.admission);
  // An edge routes polling requests to their gateway by the first part of the session id.
  io.engine.generateId = () => `${gatewayId}.${randomBytes(15).toString('base64url')}`;
  io.engine.on('connection', rules.onConnection);
}
