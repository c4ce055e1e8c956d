import { setTimeout as sleep } from 'node:timers/promises';
import { isPlain, OneCall } from '@confab/chat';
import {
  ChatError,
  type ErrorCode,
  errorCatalogue,
  type Message,
  routes,
  type SendMessageBody,
} from '@confab/contracts';
import { type Tracer, traced } from '@confab/service-kit';
import { type Dispatcher, Pool } from 'undici';
import { ApiRequests, LEAST_MS } from './api-request.ts';
import { createSendBatches } from './send-batches.ts';

/** On whose behalf a call is made. */
export interface ApiCaller {
  token: string;
  /** The client's own address, for the api's limits. */
  address: string;
  traceId: string;
  /** Counts the socket's calls that wait for an answer; questions beyond what it may have at a time wait for their turn. */
  apiCalls: { inFlight: number; waiting?: (() => void)[] };
}

/** A message that a user wants to send. */
export interface UserSend {
  traceId: string;
  body: SendMessageBody;
  /** When it came (`performance.now()`): it is answered within the timeout from then, however long it waited for others. */
  cameAt: number;
}

/** The gateway's way to the api. Every call settles within the timeout; more calls than are allowed at a time are refused, not queued, but for questions of one socket. */
export interface ApiClient {
  /**
   * Sends messages of one caller to one conversation, which are stored in their order.
   * @returns of each the stored message, or ChatError of the api, UNAVAILABLE. @throws ChatError OVERLOADED
   */
  sendMessages(
    caller: Omit<ApiCaller, 'traceId'>,
    sends: readonly UserSend[],
  ): Promise<PromiseSettledResult<Message>[]>;
  /** @throws ChatError NOT_FOUND if the caller is no participant; UNAVAILABLE, OVERLOADED */
  membership(caller: ApiCaller, conversationId: string): Promise<{ participants: string[]; isGroup: boolean }>;
  readonly inFlight: number;
  close(): Promise<void>;
}

export interface ApiClientOptions {
  url: string;
  timeoutMs: number;
  maxInFlight: number;
  /** Calls of one socket at a time. Source: sends of one conversation wait for each other; eight busy conversations. */
  maxInFlightPerSocket?: number;
  /** Keep-alive connections. Source: at 10 ms a call, 64 carry 6,400 calls a second. */
  connections?: number;
  /** Traces are off if absent. */
  tracer?: Tracer | undefined;
}

/** What came back for a request. */
export interface ApiAnswer {
  status: number;
  /** Undefined if it is no JSON object. */
  reply: Record<string, unknown> | undefined;
}

interface Call {
  method: Dispatcher.HttpMethod;
  path: string;
  body?: string;
  /** A second try can do no harm: a lost keep-alive connection is then no error to the caller. */
  repeatable: boolean;
  /** W3C: the span of the call, where traces are on. */
  traceparent?: string | undefined;
}

type Credentials = Pick<ApiCaller, 'token' | 'address' | 'traceId'>;

const sendRoute = { method: routes.sendMessage.method, path: routes.sendMessage.path };

export function createApiClient(options: ApiClientOptions): ApiClient {
  const { url, timeoutMs, maxInFlight, maxInFlightPerSocket = 8, connections = 64 } = options;
  const { origin, pathname } = new URL(url);
  const prefix = pathname.replace(/\/$/, '');
  // Each request has a deadline of its own, by which it settles whatever it waits for.
  const pool = new Pool(origin, { connections, headersTimeout: 0, bodyTimeout: 0, connectTimeout: timeoutMs });
  // A call makes one request at a time: the limit is met only while the pool holds some whose calls have settled.
  const requests = new ApiRequests(pool, maxInFlight);
  let inFlight = 0;

  const ask = async (caller: Credentials, call: Call, deadline: number): Promise<ApiAnswer> => {
    const headers: Record<string, string> = {
      authorization: `Bearer ${caller.token}`,
      'x-forwarded-for': caller.address,
      'x-trace-id': caller.traceId,
    };
    if (call.traceparent !== undefined) headers.traceparent = call.traceparent;
    if (call.body !== undefined) headers['content-type'] = 'application/json';
    const request = { method: call.method, path: prefix + call.path, headers, body: call.body ?? null };
    const { status, text } = await requests.make(request, deadline);
    return { status, reply: parse(text) };
  };

  const attempt = (caller: Credentials, call: Call, deadline: number): Promise<unknown> =>
    attemptAgain(async () => readAnswer(await ask(caller, call, deadline)), call, deadline);

  const sendGathered = createSendBatches({
    sendAlone: (send) => attempt(send, { ...sendRoute, ...send }, send.deadline) as Promise<Message>,
    request: (path, first, body) =>
      ask(first, { method: routes.sendMessages.method, path, body, repeatable: false }, first.deadline),
    read: (answer) => readAnswer(asAnswer(answer)) as Message,
    wasNotSent,
  });

  /** Counts calls while they are under way, within the bounds of the gateway and of the socket, for which they are one. */
  const counted = async <T>(apiCalls: ApiCaller['apiCalls'], calls: number, work: () => Promise<T>): Promise<T> => {
    if (inFlight + calls > maxInFlight || apiCalls.inFlight >= maxInFlightPerSocket) {
      throw new ChatError('OVERLOADED', { retryAfter: 1 });
    }
    inFlight += calls;
    apiCalls.inFlight += 1;
    try {
      return await work();
    } finally {
      inFlight -= calls;
      apiCalls.inFlight -= 1;
      apiCalls.waiting?.shift()?.();
    }
  };

  /**
   * Waits until the socket may ask. Clients join all of their conversations as soon as they are connected; how many wait is bounded by the events that a socket
   * may send within the timeout, which the caller counts from before.
   */
  const turnOf = async (apiCalls: ApiCaller['apiCalls']): Promise<void> => {
    while (apiCalls.inFlight >= maxInFlightPerSocket) {
      apiCalls.waiting ??= [];
      const { promise, resolve } = Promise.withResolvers<void>();
      apiCalls.waiting.push(resolve);
      await promise;
    }
  };

  /** Every failure is one of the catalogue. */
  const span = async <T>(
    method: string,
    traceId: string,
    work: (traceparent: string | undefined) => Promise<T>,
  ): Promise<T> => {
    try {
      const about = { kind: 'client', traceId } as const;
      return await traced(options.tracer, `${method} api`, about, (made) => work(made?.traceparent));
    } catch (error) {
      if (error instanceof ChatError) throw error;
      throw new ChatError('UNAVAILABLE', { retryAfter: 1, cause: error });
    }
  };

  /** In one request, as far as they are not too long for that; each in time for the one that came first. */
  const sendLane = (caller: Omit<ApiCaller, 'traceId'>, sends: readonly UserSend[], from: number) => {
    const { token, address } = caller;
    const lane = new OneCall(sendGathered);
    const sent = sends.map(({ traceId, body }) =>
      span(sendRoute.method, traceId, (traceparent) =>
        lane.add({ token, address, traceId, traceparent, deadline: from + timeoutMs, ...describe(body) }),
      ),
    );
    lane.go();
    return Promise.allSettled(sent);
  };

  /** Those with further steps take their time: each has the timeout from its own turn on. */
  const sendInTurn = async (caller: Omit<ApiCaller, 'traceId'>, sends: readonly UserSend[]) => {
    const outcomes: PromiseSettledResult<Message>[] = [];
    for (const send of sends) outcomes.push(...(await sendLane(caller, [send], performance.now())));
    return outcomes;
  };

  return {
    sendMessages: (caller, sends) =>
      counted(caller.apiCalls, sends.length, () =>
        sends.every(({ body }) => isPlain(body))
          ? sendLane(caller, sends, Math.min(...sends.map(({ cameAt }) => cameAt)))
          : sendInTurn(caller, sends),
      ),
    membership({ apiCalls, ...caller }, conversationId) {
      const deadline = performance.now() + timeoutMs;
      const question = () =>
        span(routes.membership.method, caller.traceId, async (traceparent) => {
          const { method, path } = routes.membership;
          const filled = path.replace(':conversationId', conversationId);
          const call: Call = { method, path: filled, repeatable: true, traceparent };
          const answer = await attempt(caller, call, deadline);
          return answer as { participants: string[]; isGroup: boolean };
        });
      const asked = () => counted(apiCalls, 1, question);
      return apiCalls.inFlight < maxInFlightPerSocket ? asked() : turnOf(apiCalls).then(asked);
    },
    get inFlight() {
      return inFlight;
    },
    close: () => pool.destroy(),
  };
}

const describe = (body: SendMessageBody) => ({
  body: JSON.stringify(body),
  repeatable: body.clientMessageId !== undefined,
  slow: (body.media?.length ?? 0) > 0,
});

/** Pauses before further tries, milliseconds: an api that is being replaced listens again soon. */
const RETRY_PAUSES_MS = [0, 100, 300];
/** Failures before anything was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']);

const wasNotSent = (error: unknown) => NOT_SENT.has((error as { code?: string }).code ?? '');

/** Tries again after a failure of the connection where that can do no harm: nothing was sent, or the call may be repeated. */
async function attemptAgain(attempt: () => Promise<unknown>, call: Call, deadline: number): Promise<unknown> {
  for (const pauseMs of RETRY_PAUSES_MS) {
    try {
      return await attempt();
    } catch (error) {
      const harmless = call.repeatable || wasNotSent(error);
      const late = performance.now() + pauseMs + LEAST_MS > deadline;
      if (error instanceof ChatError || !harmless || late) throw error;
    }
    await sleep(pauseMs);
  }
  return attempt();
}

/** @returns `data` of a success. @throws ChatError with the api's own code, or UNAVAILABLE for what is no answer of the api */
export const readReply = (status: number, text: string): unknown => readAnswer({ status, reply: parse(text) });

function readAnswer({ status, reply }: ApiAnswer): unknown {
  if (status >= 200 && status < 300 && reply?.success === true) return reply.data;
  const error = reply?.error as { code?: string; message?: string; field?: string; retryAfter?: number } | undefined;
  if (typeof error?.code !== 'string' || !Object.hasOwn(errorCatalogue, error.code)) {
    // A proxy in between, or a crash: whether the call took effect is not known.
    throw new ChatError('UNAVAILABLE', {
      retryAfter: 1,
      cause: new Error(`status ${status} without a reply of the api`),
    });
  }
  throw new ChatError(error.code as ErrorCode, {
    ...(typeof error.message === 'string' && { reason: error.message }),
    ...(typeof error.field === 'string' && { field: error.field }),
    ...(typeof error.retryAfter === 'number' && { retryAfter: error.retryAfter }),
  });
}

/** The answer to one of several, which came in an answer that was good as a whole. */
const asAnswer = (reply: unknown): ApiAnswer => ({
  status: 200,
  reply: typeof reply === 'object' && reply !== null ? (reply as Record<string, unknown>) : undefined,
});

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
