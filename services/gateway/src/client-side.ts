import type { Clock, GatewayBus, InboxBatch, InboxEntry } from '@confab/chat';
import { serverEvents } from '@confab/contracts';
import { createProxyTrust, type Identity, type LagProbe, type Logger, type TokenVerifier } from '@confab/service-kit';
import { LRUCache } from 'lru-cache';
import { type Admission, addressOf, createAdmission } from './admission.ts';
import type { ApiClient } from './api-client.ts';
import type { BusEvents, BusSide } from './bus-side.ts';
import type { GatewaySettings } from './config.ts';
import { createConnectionLimits } from './connection-limits.ts';
import { deliveryReceipts } from './delivery-receipts.ts';
import { Carriers, type EngineConnection, type EngineRequest } from './engine-connection.ts';
import { EventBudget } from './event-budget.ts';
import { attachEvents, type EventWrapperOptions } from './event-wrapper.ts';
import type { GatewayCounters } from './gateway-metrics.ts';
import { createHandlers } from './handlers/index.ts';
import { createHandshake } from './handshake.ts';
import { createMembershipCache } from './membership-cache.ts';
import { createPreAuthGuard } from './pre-auth-guard.ts';
import { createPush } from './push.ts';
import { SendLanes } from './send-lanes.ts';
import { type GatewayServer, type GatewaySocket, type Session, userRoom } from './session.ts';
import { createEndSession, type EndSession } from './session-end.ts';
import { createSessionExpiry } from './session-expiry.ts';
import { createSlowConsumers, type SlowConsumers } from './slow-consumers.ts';
import { createSocketServer } from './socket-server.ts';
import { createTyping } from './typing.ts';

export interface ClientSideOptions {
  config: GatewaySettings;
  bus: Pick<GatewayBus, 'signals' | 'receipts' | 'revocations'>;
  verifier: TokenVerifier;
  logger: Logger;
  clock: Clock;
  newId: () => string;
  api: ApiClient;
  busSide: BusSide;
  lag: LagProbe;
  /** Called when something happens, not before. */
  counters: () => GatewayCounters;
}

export interface ClientSide extends BusEvents {
  io: GatewayServer;
  slowConsumers: SlowConsumers;
  endSession: EndSession;
  connectionRules: { admission: Admission; onConnection(connection: EngineConnection): void };
  /** Age of the last event when it was pushed, milliseconds. */
  inboxLagMs(): number;
  /** From now on new sockets are refused. */
  drain(): void;
  close(): void;
}

/** Users whose event budget is remembered after they left, so that reconnecting does not refill it. */
const BUDGETS = 50_000;

/** Everything between this gateway and its clients. */
export function createClientSide(options: ClientSideOptions): ClientSide {
  const { config, bus, clock, newId, api, busSide, lag, counters, logger: log } = options;
  let draining = false;
  let inboxLagMs = 0;
  const io = createSocketServer(config);
  const carriers = new Carriers();
  const trusts = createProxyTrust(config.TRUST_PROXY);
  const limits = createConnectionLimits({
    maxPerUser: config.MAX_SOCKETS_PER_USER,
    maxPerAddress: config.MAX_SOCKETS_PER_ADDRESS,
    handshakesPerSecond: config.HANDSHAKES_PER_SECOND,
  });
  const endSession = createEndSession(carriers, (code) => counters().sessionsEnded.inc({ code }));
  const guard = createPreAuthGuard(() => counters().refused.inc({ reason: 'unauthenticated' }));
  const slowConsumers = createSlowConsumers({
    carriers,
    cut: (connection) => {
      for (const socket of io.sockets.sockets.values()) {
        if (socket.conn === connection) endSession(socket, 'SLOW_CONSUMER', 1);
      }
    },
  });
  const expiry = createSessionExpiry(io, endSession, { clock, toleranceMs: config.JWT_CLOCK_TOLERANCE * 1_000 });
  const memberships = createMembershipCache();
  const typing = createTyping(io, bus.signals, clock);

  const newBudget = (factor: number) =>
    new EventBudget(config.EVENTS_PER_SECOND * factor, config.EVENTS_PER_SECOND * factor * 3, () => performance.now());
  const userBudgets = new LRUCache<string, EventBudget>({ max: BUDGETS });
  const userBudget = (userId: string) => {
    const budget = userBudgets.get(userId) ?? newBudget(2);
    userBudgets.set(userId, budget);
    return budget;
  };

  const newSession = (socket: GatewaySocket, identity: Identity, token: string): Session => ({
    identity,
    token,
    address: addressOf(socket.request as EngineRequest, trusts),
    budget: newBudget(1),
    lanes: new SendLanes(),
    apiCalls: { inFlight: 0 },
    open: new Set(),
    typing: new Map(),
    ended: false,
  });

  const enter = async (_socket: GatewaySocket, identity: Identity) => {
    const leaveLimit = limits.openUser(identity.userId);
    try {
      const leavePresence = await busSide.presence.acquire(identity);
      return () => {
        leaveLimit();
        leavePresence();
      };
    } catch (error) {
      leaveLimit();
      throw error;
    }
  };

  io.use(
    createHandshake({
      verifier: options.verifier,
      revocations: bus.revocations,
      onAuthenticated: (socket) => guard.pass(socket.conn),
      enter,
      newSession,
      log,
    }),
  );

  const events: EventWrapperOptions = {
    handlers: createHandlers({ api, memberships, typing, receipts: bus.receipts, clock, newId }),
    endSession,
    isExpired: (socket) => expiry.isExpired(socket),
    isOverloaded: () => lag.overloaded(),
    userBudget,
    onEvent: (event, outcome) => counters().received.inc({ event, outcome }),
    log,
  };

  io.on('connection', (socket) => {
    socket.join(userRoom(socket.data.identity.userId));
    attachEvents(socket, events);
    expiry.watch(socket);
    socket.once('disconnect', () => {
      typing.gone(socket);
      // A connection whose socket said goodbye and that stays is a stranger again.
      guard.watch(socket.conn);
    });
  });

  const onPushed = ({ meta }: InboxEntry) => {
    inboxLagMs = Math.max(0, clock.now() - meta.at);
    counters().pushed.inc({ event: Object.hasOwn(serverEvents, meta.event) ? meta.event : 'other' });
  };
  const push = createPush({ io, memberships, onPushed, log });
  const delivery = {
    isConnected: (userId: string) => io.sockets.adapter.rooms.has(userRoom(userId)),
    now: () => clock.now(),
    newId,
  };

  return {
    io,
    slowConsumers,
    endSession,
    connectionRules: {
      admission: createAdmission({
        origins: config.CLIENT_URL,
        limits,
        trusts,
        carriers,
        isDraining: () => draining,
        isOverloaded: () => lag.overloaded(),
        onRefused: (reason) => counters().refused.inc({ reason }),
      }),
      onConnection(connection) {
        carriers.add(connection);
        slowConsumers.watch(connection);
        guard.watch(connection);
        connection.once('close', limits.openAddress(addressOf(connection.request as EngineRequest, trusts)));
      },
    },
    inboxLagMs: () => inboxLagMs,
    async onBatch(batch: InboxBatch) {
      if (batch.gap) counters().gaps.inc();
      await push(batch);
      busSide.outbox.add(...deliveryReceipts(batch.entries, delivery));
    },
    onSignal: (signal) => typing.show(signal),
    onRevocation: (revocation) => expiry.revoke(revocation),
    onReincarnated: () => void io.local.emit('sync:required', { reason: 'The bus lost its memory of this gateway' }),
    drain() {
      draining = true;
    },
    close() {
      io.engine?.close();
      for (const connection of io.sockets.sockets.values()) carriers.terminate(connection.conn);
      guard.close();
      slowConsumers.close();
    },
  };
}
