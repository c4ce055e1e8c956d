import type { Clock, GatewayBus } from '@confab/chat';
import type { Identity, LagProbe, Logger, TokenVerifier } from '@confab/service-kit';
import type { ApiClient } from './api-client.ts';
import type { BusEvents, BusSide } from './bus-side.ts';
import type { GatewaySettings } from './config.ts';
import type { ConnectionLimits } from './connection-limits.ts';
import { type ConnectionRules, createConnectionRules } from './connection-rules.ts';
import type { EngineConnection } from './engine-connection.ts';
import { attachEvents, type EventWrapperOptions } from './event-wrapper.ts';
import { createFormerMembers } from './former-members.ts';
import type { GatewayCounters } from './gateway-metrics.ts';
import { createHandlers } from './handlers/index.ts';
import { participantsFor } from './handlers/services.ts';
import { createHandshake, revocationKey } from './handshake.ts';
import { createInboxHandler } from './inbox-handler.ts';
import { createMembershipCache } from './membership-cache.ts';
import { createPacketLimits } from './packet-budget.ts';
import type { Presence } from './presence.ts';
import { type GatewayServer, type GatewaySocket, userRoom } from './session.ts';
import { createEndSession, type EndSession } from './session-end.ts';
import { createSessionExpiry, type SessionExpiry } from './session-expiry.ts';
import { createSessions } from './sessions.ts';
import { createSocketServer } from './socket-server.ts';
import { createTyping, type Typing } from './typing.ts';
import { createUserSockets, type UserSockets } from './user-sockets.ts';

export interface ClientSideOptions {
  config: GatewaySettings;
  bus: Pick<GatewayBus, 'signals' | 'receipts' | 'revocations' | 'quota'>;
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
  rules: ConnectionRules;
  endSession: EndSession;
  /** Age of the last event when it was pushed, milliseconds. */
  inboxLagMs(): number;
  /** From now on new sockets are refused. */
  drain(): void;
  close(): void;
}

/** Everything between this gateway and its clients, put together. */
export function createClientSide(options: ClientSideOptions): ClientSide {
  const { config, bus, busSide, clock, newId, lag, counters, verifier, logger: log } = options;
  let draining = false;
  const io = createSocketServer(config);
  const rules = createConnectionRules({
    config,
    isDraining: () => draining,
    isOverloaded: () => lag.overloaded(),
    onRefused: (reason) => counters().refused.inc({ reason }),
    onSlow: (connection) => {
      const sockets = socketsOf(io, connection);
      endAll(sockets, (socket) => endSession(socket, 'SLOW_CONSUMER', 1));
      if (sockets.length === 0) rules.carriers.terminate(connection);
    },
  });
  const endSession = createEndSession(rules.carriers, (code) => counters().sessionsEnded.inc({ code }));
  const expiry = createSessionExpiry(io, endSession, {
    clock,
    toleranceMs: config.JWT_CLOCK_TOLERANCE * 1_000,
    isRevoked: (identity) => bus.revocations.isRevoked(revocationKey(identity)),
  });
  const { memberships, typing, ...members } = createMembers(io, options);
  const sessions = createSessions({
    eventsPerSecond: config.EVENTS_PER_SECOND,
    addressOf: (connection) => rules.carriers.addressOf(connection),
    quota: bus.quota,
    log,
  });
  const userSockets = createUserSockets({ quota: bus.quota, limit: config.MAX_SOCKETS_PER_USER, log });
  const inbox = createInboxHandler({ io, ...members, outbox: busSide.outbox, counters, clock, newId, log });

  io.use(
    createHandshake({
      verifier,
      revocations: bus.revocations,
      onAuthenticated: (socket) => rules.guard.wait(socket.conn),
      onEntered: (socket) => rules.guard.pass(socket.conn),
      forgetRequest: (connection) => rules.carriers.forgetRequest(connection),
      enter: (identity) => enter(identity, { limits: rules.limits, userSockets, presence: busSide.presence }),
      newSession: sessions.create,
      log,
    }),
  );
  welcomeSockets(io, rules, typing, expiry, config.EVENTS_PER_SECOND, {
    handlers: createHandlers({ api: options.api, memberships, typing, receipts: bus.receipts, clock, newId }),
    endSession,
    isExpired: expiry.isExpired,
    isOverloaded: () => lag.overloaded(),
    userBudget: sessions.userBudget,
    onEvent: (event, outcome) => counters().received.inc({ event, outcome }),
    log,
  });

  return {
    ...{ io, rules, endSession },
    inboxLagMs: inbox.lagMs,
    onBatch: inbox.handle,
    onSignal: typing.show,
    onRevocation: expiry.revoke,
    onReincarnated() {
      userSockets.restate();
      members.onGap();
      io.local.emit('sync:required', { reason: 'The bus lost its memory of this gateway' });
    },
    onRenewed: () => userSockets.catchUp(),
    drain() {
      draining = true;
    },
    close() {
      endAll([...io.sockets.sockets.values()], (socket) => rules.carriers.terminate(socket.conn));
      // Absent if the gateway never started.
      (io.engine as typeof io.engine | undefined)?.close();
      expiry.close();
      rules.close();
    },
  };
}

/** What this gateway knows of members: who is asked for, who is told of typing, and what news of them changes. */
function createMembers(io: GatewayServer, { bus, api, clock, newId }: ClientSideOptions) {
  const memberships = createMembershipCache();
  const formerMembers = createFormerMembers(clock.now);
  const participantsNow = (socket: GatewaySocket, conversationId: string) =>
    participantsFor({ api, memberships }, { socket, traceId: newId().replaceAll('-', '') }, conversationId);
  const typing = createTyping({ io, signals: bus.signals, formerMembers, participantsNow, clock });
  return {
    memberships,
    typing,
    onMembers(conversationId: string, userIds: readonly string[], change: string) {
      formerMembers.changed(conversationId, userIds, change);
      typing.forget(conversationId, userIds);
      memberships.invalidate(conversationId);
    },
    onGap() {
      memberships.clear();
      typing.doubt();
    },
  };
}

/** What happens to a socket that has passed the handshake, in the same turn as its `connect`. */
function welcomeSockets(
  io: GatewayServer,
  { guard, carriers }: ConnectionRules,
  typing: Typing,
  expiry: SessionExpiry,
  eventsPerSecond: number,
  events: EventWrapperOptions,
): void {
  const packetLimits = createPacketLimits({
    eventsPerSecond,
    endSession: events.endSession,
    websocketOf: (connection) => carriers.websocketOf(connection),
  });
  io.on('connection', (socket) => {
    socket.join(userRoom(socket.data.identity.userId));
    attachEvents(socket, events);
    packetLimits.watch(socket);
    expiry.watch(socket);
    // One listener for all of it: each costs every idle connection some hundred bytes.
    socket.once('disconnect', () => {
      packetLimits.forget(socket);
      expiry.forget(socket);
      typing.gone(socket);
      // A connection whose socket said goodbye and that stays is a stranger again.
      guard.watch(socket.conn);
    });
  });
}

interface Books {
  limits: ConnectionLimits;
  userSockets: UserSockets;
  presence: Presence;
}

/** Counts a connection of the user in: here, over all gateways, and in the directory. @returns undoes it */
async function enter({ userId, profile }: Identity, { limits, userSockets, presence }: Books): Promise<() => void> {
  const leaveHere = limits.openUser(userId);
  try {
    const leaveAll = await userSockets.open(userId);
    try {
      const leaveDirectory = await presence.acquire({ userId, profile });
      return () => {
        leaveDirectory();
        leaveAll();
        leaveHere();
      };
    } catch (error) {
      leaveAll();
      throw error;
    }
  } catch (error) {
    leaveHere();
    throw error;
  }
}

const socketsOf = (io: GatewayServer, connection: EngineConnection) =>
  [...io.sockets.sockets.values()].filter((socket) => socket.conn === connection);

function endAll(sockets: GatewaySocket[], end: (socket: GatewaySocket) => void): void {
  for (const socket of sockets) end(socket);
}
