import { randomUUID } from 'node:crypto';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock, GatewayBus, InboxBatch } from '@confab/chat';
import {
  createHealth,
  createLagProbe,
  createMetrics,
  createOperations,
  createShutdown,
  type Health,
  type LagProbe,
  type Logger,
  type Operations,
  type Registry,
  type Shutdown,
  type ShutdownPhase,
  type ShutdownResult,
  type TokenVerifier,
  type Tracer,
  traceBatch,
} from '@confab/service-kit';
import { type ApiClient, createApiClient } from './api-client.ts';
import { type BusEvents, type BusSide, createBusSide } from './bus-side.ts';
import { type ClientSide, createClientSide } from './client-side.ts';
import type { GatewaySettings } from './config.ts';
import { drainSockets } from './drain.ts';
import { createGatewayMetrics, type GatewayReadings } from './gateway-metrics.ts';
import { attachSocketServer } from './socket-server.ts';

export interface GatewayOptions {
  config: GatewaySettings;
  bus: GatewayBus;
  verifier: TokenVerifier;
  logger: Logger;
  /** Where the api is. */
  apiUrl: string;
  /** A server to share (standalone). It is neither listened on nor closed here, and serves `operations` itself. */
  httpServer?: HttpServer;
  /** A registry to share; one of its own, with the measures of the process, if absent. */
  metrics?: Registry;
  /** Where the gateway adds its readiness checks; its own if absent. */
  health?: Health;
  clock?: Clock;
  /** Traces are off if absent. */
  tracer?: Tracer | undefined;
}

export interface GatewayStats {
  sockets: number;
  users: number;
  /** Bytes that clients have not read yet. */
  heldBytes: number;
  instance: string;
}

export interface Gateway {
  /** Opens the lease, then accepts sockets. @throws ChatError UNAVAILABLE without the bus; Error if the port is taken */
  start(): Promise<void>;
  /** Stops accepting, sends the sockets away over DRAIN_MS, flushes, gives the lease back. Idempotent; within DRAIN_MS + 13 s. */
  close(): Promise<ShutdownResult>;
  /** The port that it listens on, once started. */
  readonly port: number;
  readonly stats: GatewayStats;
  /** `/healthz`, `/readyz` and `/metrics`; on its own server they are served already. */
  readonly operations: Operations;
}

/** Milliseconds without news from the inbox or the lease after which the gateway is not ready. Source: the lease lasts 12 s. */
const PROGRESS_MS = 10_000;

/** A gateway: sockets on one side, the bus on the other. The caller closes the bus after the gateway. */
export function createGateway(options: GatewayOptions): Gateway {
  const { config, bus, logger } = options;
  const metrics = options.metrics ?? createMetrics({ service: 'gateway' });
  const health = options.health ?? createHealth();
  const operations = createOperations({ health, metrics });
  const httpServer = options.httpServer ?? createHttpServer(operations);
  const ownsHttp = options.httpServer === undefined;
  const parts = createParts(options, metrics);
  const { clientSide, busSide } = parts;
  addReadiness(health, bus, busSide);
  const shutdown = planShutdown(parts, health, config.DRAIN_MS, async () => {
    if (ownsHttp) await closeHttpServer(httpServer);
  });

  return {
    async start() {
      await busSide.start(tracedEvents(clientSide, options.tracer));
      const gatewayId = gatewayIdOf(bus.lease.instance);
      attachSocketServer(clientSide.io, httpServer, gatewayId, clientSide.rules);
      if (ownsHttp) await listen(httpServer, config);
      logger.info({ gatewayId, instance: bus.lease.instance, port: portOf(httpServer) }, 'listening');
    },
    close: () => shutdown.run(),
    get port() {
      return portOf(httpServer);
    },
    get stats() {
      return {
        sockets: clientSide.io.sockets.sockets.size,
        users: busSide.presence.users,
        heldBytes: clientSide.rules.slowConsumers.totalBytes(),
        instance: bus.lease.instance,
      };
    },
    operations,
  };
}

interface Parts {
  api: ApiClient;
  busSide: BusSide;
  clientSide: ClientSide;
  lag: LagProbe;
}

function createParts(options: GatewayOptions, metrics: Registry): Parts {
  const { config, bus, logger, verifier, apiUrl } = options;
  const clock = options.clock ?? { now: () => Date.now() };
  const newId = () => randomUUID();
  const { API_TIMEOUT_MS: timeoutMs, API_MAX_IN_FLIGHT: maxInFlight } = config;
  const api = createApiClient({ url: apiUrl, timeoutMs, maxInFlight, tracer: options.tracer });
  const lag = createLagProbe();
  const busSide = createBusSide({ bus, clock, newId, logger });
  const shared = { config, bus, verifier, logger, clock, newId };
  const clientSide = createClientSide({ ...shared, api, busSide, lag, counters: () => counters });
  const parts = { api, busSide, clientSide, lag };
  const counters = createGatewayMetrics(metrics, readingsOf(parts, bus));
  return parts;
}

const readingsOf = ({ api, busSide, clientSide, lag }: Parts, bus: GatewayBus): GatewayReadings => ({
  inboxDepth: async () => (await bus.inboxDepth?.()) ?? 0,
  sockets: () => clientSide.io.sockets.sockets.size,
  users: () => busSide.presence.users,
  heldBytes: () => clientSide.rules.slowConsumers.totalBytes(),
  inboxIdleMs: () => busSide.inboxIdleMs(),
  inboxLagMs: () => clientSide.inboxLagMs(),
  leaseIdleMs: () => busSide.leaseKeeper.idleMs(),
  apiInFlight: () => api.inFlight,
  receiptsWaiting: () => busSide.outbox.waiting,
  receiptsDropped: () => busSide.outbox.dropped,
  eventLoopLagMs: () => lag.meanMs(),
});

/** Ready is who makes progress: the inbox is read, the lease is renewed. */
function addReadiness(health: Health, bus: GatewayBus, busSide: BusSide): void {
  const progress = (name: string, idleMs: () => number) =>
    health.add({
      name,
      check: () => ({ ok: idleMs() < PROGRESS_MS, detail: `progress ${Math.round(idleMs())} ms ago` }),
    });
  health.add({ name: 'bus', check: () => ({ ok: bus.isReady }) });
  progress('inbox', () => busSide.inboxIdleMs());
  progress('lease', () => busSide.leaseKeeper.idleMs());
}

function planShutdown(parts: Parts, health: Health, drainMs: number, closeHttp: () => Promise<void>): Shutdown {
  const { api, busSide, clientSide, lag } = parts;
  const { io, endSession } = clientSide;
  const shutdown = createShutdown();
  const add = (phase: ShutdownPhase, name: string, deadlineMs: number, run: () => void | Promise<void>) =>
    shutdown.add({ phase, name, deadlineMs, run });
  add('stop-intake', 'refuse new sockets', 1_000, () => {
    health.drain();
    clientSide.drain();
  });
  add('drain', 'send the sockets away', drainMs + 6_000, () => drainSockets({ io, endSession, drainMs }));
  // In reverse: the sockets' side closes first, and so what its last sockets leave behind still goes out.
  add('close', 'close the bus side', 4_000, () => busSide.close());
  add('close', 'close the sockets’ side', 2_000, async () => {
    lag.close();
    clientSide.close();
    await closeHttp();
    await api.close();
  });
  return shutdown;
}

/** Each event of the inbox that is pushed is a span, where traces are on. */
function tracedEvents(events: BusEvents, tracer: Tracer | undefined): BusEvents {
  const pushes = ({ entries }: InboxBatch) => entries.map(({ meta }) => ({ ...meta, name: `push ${meta.event}` }));
  if (!tracer) return events;
  return {
    ...events,
    onBatch: (batch) =>
      traceBatch(
        tracer,
        () => pushes(batch),
        () => events.onBatch(batch),
      ),
  };
}

/** An instance is `<gatewayId>.<incarnation>`. */
const gatewayIdOf = (instance: string) => instance.slice(0, instance.lastIndexOf('.'));

/** Milliseconds between two looks at how long requests take to be sent; Node's own 30 s would make the limits that much longer. */
const CHECK_MS = 1_000;

function createHttpServer(operations: Operations): HttpServer {
  const server = createServer({ connectionsCheckingInterval: CHECK_MS }, (request, response) => {
    if (!operations.handle(request, response)) response.writeHead(404).end();
  });
  // A request has to be sent in this time; waiting polls do not count, they are sent already.
  server.headersTimeout = 5_000;
  server.requestTimeout = 20_000;
  // Longer than load balancers keep idle connections (60 s), so that it is never us who close one in use.
  server.keepAliveTimeout = 65_000;
  return server;
}

function listen(server: HttpServer, { HOST, PORT }: GatewaySettings): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(PORT, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closeHttpServer(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

const portOf = (server: HttpServer) => (server.address() as AddressInfo | null)?.port ?? 0;
