import {
  ChatError,
  type ClientEventName,
  type ClientPayload,
  clientEvents,
  isDeeperThan,
  limits,
  validate,
  type WireError,
} from '@confab/contracts';
import { type Logger, newTraceId } from '@confab/service-kit';
import type { GatewaySocket } from './session.ts';
import type { EndSession } from './session-end.ts';

/** What a handler works with. */
export interface EventContext {
  socket: GatewaySocket;
  traceId: string;
}

/** Handles one client event. @returns `data` of the ack. @throws ChatError */
export type EventHandler<E extends ClientEventName> = (
  context: EventContext,
  payload: ClientPayload<E>,
) => Promise<unknown>;
export type EventHandlers = { [E in ClientEventName]: EventHandler<E> };

export interface EventWrapperOptions {
  handlers: EventHandlers;
  endSession: EndSession;
  isExpired(socket: GatewaySocket): boolean;
  isOverloaded(): boolean;
  /** The budget that all sockets of the user share, on all gateways. */
  userBudget(userId: string): { take(): boolean };
  onEvent(event: ClientEventName | 'unknown', outcome: string): void;
  log: Logger;
}

/** Refusals in a row after which a socket is cut. Source: five seconds of a client that ignores them at full rate. */
const ABUSE_REFUSALS = 100;

type Ack = (reply: unknown) => void;

/**
 * Puts the one wrapper around everything that a socket sends: budgets, the shape of event and ack, depth and schema; then the
 * handler; then the ack, or the `error` event where there is none. It never throws, whatever comes: an error thrown in a Socket.IO
 * handler would end the process.
 */
export function attachEvents(socket: GatewaySocket, options: EventWrapperOptions): void {
  // The middleware sees every event, known or not; `next` is never called, so no listener is dispatched to.
  socket.use((packet: unknown[]) => {
    if (!socket.data.ended) void receive(socket, packet, options);
  });
}

async function receive(socket: GatewaySocket, packet: unknown[], options: EventWrapperOptions): Promise<void> {
  const ack = typeof packet.at(-1) === 'function' ? (packet.at(-1) as Ack) : undefined;
  const [name, ...args] = ack ? packet.slice(0, -1) : packet;
  const event = isKnown(name) ? name : undefined;
  try {
    const data = await handle(socket, event, args, options);
    options.onEvent(event ?? 'unknown', 'ok');
    ack?.({ success: true, data });
  } catch (error) {
    const wire = toWire(error, options.log);
    options.onEvent(event ?? 'unknown', wire.code);
    answer(socket, ack, wire, event, args[0]);
  }
}

async function handle(
  socket: GatewaySocket,
  event: ClientEventName | undefined,
  args: unknown[],
  options: EventWrapperOptions,
): Promise<unknown> {
  takeBudget(socket, options);
  if (options.isExpired(socket)) throw new ChatError('TOKEN_EXPIRED');
  if (options.isOverloaded()) throw new ChatError('OVERLOADED', { retryAfter: 2 });
  if (!event) throw new ChatError('VALIDATION_FAILED', { reason: 'There is no such event' });
  if (args.length !== 1)
    throw new ChatError('VALIDATION_FAILED', { reason: 'An event takes one payload, and an ack callback' });
  if (isDeeperThan(args[0], limits.jsonDepth))
    throw new ChatError('VALIDATION_FAILED', { reason: 'The payload nests too deep' });
  const payload = validate(clientEvents[event].payload, args[0]);
  const handler = options.handlers[event] as EventHandler<ClientEventName>;
  return handler({ socket, traceId: newTraceId() }, payload);
}

const isKnown = (name: unknown): name is ClientEventName =>
  typeof name === 'string' && Object.hasOwn(clientEvents, name);

/** @throws ChatError RATE_LIMITED; and cuts the socket that goes on all the same */
function takeBudget(socket: GatewaySocket, { userBudget, endSession }: EventWrapperOptions): void {
  const { budget, identity } = socket.data;
  const within = budget.take() && userBudget(identity.userId).take();
  if (within) return;
  if (budget.refusedInARow > ABUSE_REFUSALS) endSession(socket, 'ABUSE');
  throw new ChatError('RATE_LIMITED', { retryAfter: 1, reason: 'Too many events' });
}

function toWire(error: unknown, log: Logger): WireError {
  if (error instanceof ChatError) return error.toWire();
  log.error({ err: error }, 'an event failed');
  return new ChatError('INTERNAL').toWire();
}

function answer(
  socket: GatewaySocket,
  ack: Ack | undefined,
  wire: WireError,
  event: string | undefined,
  payload: unknown,
) {
  if (socket.data.ended) return;
  if (ack) return ack({ success: false, error: wire });
  const clientMessageId = clientMessageIdOf(payload);
  socket.emit('error', { ...wire, ...(event && { event }), ...(clientMessageId && { clientMessageId }) });
}

/** Which message it was that failed, for a client that sends without acks. */
function clientMessageIdOf(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const id = (payload as { clientMessageId?: unknown }).clientMessageId;
  return typeof id === 'string' && id.length <= limits.clientMessageIdLength ? id : undefined;
}
