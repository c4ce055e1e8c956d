import { randomUUID } from 'node:crypto';
import {
  type ChatContext,
  type ChatStore,
  createContactBook,
  createPublishedMarks,
  type EventFeed,
  type EventPublisher,
  type PresenceDirectory,
  type RateLimiter,
  type ReceiptLog,
  type RevocationList,
  storeWithMemory,
} from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { externalPolicyOf, type Media, type MediaVariables } from '@confab/media';
import { limitedTraceLog } from '@confab/redis';
import {
  createHealth,
  createLagProbe,
  createMetrics,
  createOperations,
  type Health,
  type Logger,
  type Registry,
  type Tracer,
  type TracingConfig,
  traceIdFrom,
} from '@confab/service-kit';
import cors from '@fastify/cors';
import fastify, { type FastifyInstance, LogController } from 'fastify';
import type { ApiConfig } from './config.ts';
import type { ApiContext } from './handlers/types.ts';
import { lazyLogger } from './lazy-logger.ts';
import { createObjectIds } from './object-ids.ts';
import { addressLimit } from './plugins/address-limit.ts';
import { authentication } from './plugins/authentication.ts';
import { bodyDeadline } from './plugins/body-deadline.ts';
import { callsWithin } from './plugins/calls-within.ts';
import { answerClientError, answerExpectation } from './plugins/client-errors.ts';
import { docs } from './plugins/docs.ts';
import { draining } from './plugins/draining.ts';
import { failures, notFound, sendFailure, toChatError } from './plugins/failures.ts';
import { localMedia } from './plugins/local-media.ts';
import { measures } from './plugins/measures.ts';
import { overload } from './plugins/overload.ts';
import { secureHeaders } from './plugins/secure-headers.ts';
import { userLimit } from './plugins/user-limit.ts';
import { validation } from './plugins/validation.ts';
import type { SharedCounts } from './request-counts.ts';
import { registerRoutes } from './routes.ts';

/** The bus as the api uses it. */
export interface ApiBus {
  publisher: EventPublisher;
  receipts: ReceiptLog;
  feed: EventFeed;
  presence: PresenceDirectory;
  limiter: RateLimiter;
  revocations: RevocationList;
}

export interface ApiDependencies {
  config: Omit<
    ApiConfig,
    | 'HOST'
    | 'PORT'
    | 'REDIS_URL'
    | 'REDIS_CLUSTER'
    | 'KEY_PREFIX'
    | 'INBOX_LENGTH'
    | 'RECEIPTS_LENGTH'
    | 'FEED_LENGTH'
    | 'MONGODB_URL'
    | 'MONGODB_DATABASE'
    | 'MONGODB_POOL_SIZE'
    | keyof MediaVariables
    | keyof TracingConfig
  >;
  store: ChatStore;
  bus: ApiBus;
  /** Uploads; none are taken if absent. */
  media?: Media | undefined;
  logger: Logger;
  health?: Health;
  /** Where metrics go; a registry of its own if absent. */
  metrics?: Registry;
  /** Traces are off if absent. */
  tracer?: Tracer | undefined;
  /** Counts requests by address for all processes; each process for itself if absent. */
  addressCounts?: SharedCounts;
  /** See `failpoints.ts`. */
  atStep?: ChatContext['atStep'];
  /** Further plugins on the same server (standalone's page). */
  extend?: (app: FastifyInstance) => Promise<void>;
}

export interface Api {
  app: FastifyInstance;
  /** Ends intake, finishes what runs, and writes what is waiting. Stores and bus belong to the caller. */
  close(): Promise<void>;
}

/** Builds the api from its parts; it listens where the caller says (`api.app.listen`). */
export async function createApi(deps: ApiDependencies): Promise<Api> {
  const { config } = deps;
  const health = deps.health ?? createHealth();
  const metrics = deps.metrics ?? createMetrics({ service: 'api', process: false });
  const operations = createOperations({ health, metrics });
  const lag = createLagProbe();
  const ctx = contextOf(deps);
  const app = newFastify(deps);
  app.server.on('checkExpectation', answerExpectation);

  await app.register(failures);
  await app.register(draining);
  await app.register(measures, { registry: metrics, lag, tracer: deps.tracer });
  await app.register(bodyDeadline, { deadlineMs: BODY_DEADLINE_MS });
  await app.register(validation);
  const maxAwaited = Math.max(1, Math.floor(AWAITED_BYTES / config.BODY_LIMIT));
  await app.register(overload, { maxInFlight: config.MAX_IN_FLIGHT, maxAwaited, lag });
  await app.register(secureHeaders);
  await app.register(cors, {
    origin: exactOrigins(config.CLIENT_URL),
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    maxAge: 600,
    exposedHeaders: ['retry-after', 'x-trace-id'],
  });
  const counting = {
    shared: deps.addressCounts,
    onAway: (error: unknown) => ctx.log.warn({ err: error }, 'requests are limited per process while the bus is away'),
  };
  await app.register(addressLimit, { ...counting, limit: config.REQUESTS_PER_MINUTE_PER_ADDRESS });
  // After the address limit, which is put on routes that come later; before the contracts' routes, which it describes.
  await app.register(docs);
  await app.register(userLimit, { ...counting, limit: config.REQUESTS_PER_MINUTE_PER_USER });
  await app.register(notFound);
  await app.register(authentication, {
    config,
    revocations: deps.bus.revocations,
    contacts: createContactBook(ctx.store.users),
  });
  await app.register(callsWithin, { trustProxy: config.TRUST_PROXY, tracer: deps.tracer });
  for (const path of operations.paths) registerOperation(app, path, operations);
  registerRoutes(app, ctx, config.BODY_LIMIT);
  if (deps.media?.local) await app.register(localMedia, { local: deps.media.local, meter: deps.media.meter, ctx });
  await deps.extend?.(app);
  await app.ready();
  lag.reset();

  return {
    app,
    async close() {
      health.drain();
      await app.close();
      await ctx.published.drain();
      lag.close();
    },
  };
}

function newFastify({ config, logger }: ApiDependencies): FastifyInstance {
  return fastify({
    loggerInstance: logger as never,
    childLoggerFactory: (parent, bindings, options) => lazyLogger(() => parent.child(bindings, options)),
    requestIdHeader: false,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'traceId' }),
    genReqId: (raw) => traceIdFrom(raw.headers['x-trace-id'], raw.headers.traceparent),
    bodyLimit: config.BODY_LIMIT,
    trustProxy: config.TRUST_PROXY.length > 0 ? config.TRUST_PROXY : false,
    // a percent-encoded id of 128 characters, each up to four bytes of three digits
    routerOptions: { maxParamLength: 128 * 4 * 3 },
    // connections that are in use finish their request; idle ones are closed at once
    forceCloseConnections: 'idle',
    // the body has a deadline of its own, which leaves uploads out: see body-deadline
    requestTimeout: 0,
    // who leaves the host out is answered like everybody: Node's own refusal would be empty
    http: { headersTimeout: BODY_DEADLINE_MS, requireHostHeader: false },
    clientErrorHandler: answerClientError,
    connectionTimeout: 60_000,
    keepAliveTimeout: 72_000,
    frameworkErrors: (error, _request, reply) => void sendFailure(reply as never, toChatError(error)),
  }) as unknown as FastifyInstance;
}

function contextOf({ config, store, bus, logger, media, atStep }: ApiDependencies): ApiContext {
  const clock = { now: () => Date.now() };
  return {
    ...bus,
    store: storeWithMemory(store, clock),
    media,
    settings: {
      messagesPerMinute: config.MESSAGES_PER_MINUTE,
      conversationsPerHour: config.CONVERSATIONS_PER_HOUR,
      requireKnownUsers: config.REQUIRE_KNOWN_USERS,
      externalMedia: externalPolicyOf(config),
    },
    clock,
    ids: { objectId: createObjectIds(), token: () => randomUUID() },
    log: limitedTraceLog(logger),
    atStep,
    published: createPublishedMarks(store.messages, logger),
  };
}

/** Milliseconds within which a request's headers, and then its body, must be there. */
const BODY_DEADLINE_MS = 30_000;

/**
 * Bytes that bodies which are not complete may hold together: as many are awaited as could have all of BODY_LIMIT then, 256 unless set. Source: an eighth
 * of what the chart gives an api; were all of them as long as members of a group may be, it would be 200 MB. Few are awaited otherwise, since most
 * bodies come with the head of their request.
 */
const AWAITED_BYTES = 64 * 1024 ** 2;

/** Browsers send an origin without a trailing slash; people write it with one. */
const exactOrigins = (urls: readonly string[]): string[] => urls.map((url) => url.replace(/\/$/, ''));

function registerOperation(app: FastifyInstance, path: string, operations: ReturnType<typeof createOperations>): void {
  app.get(path, { config: { operations: true } }, async (_request, reply) => {
    const answer = await operations.reply(path);
    if (!answer) throw new ChatError('NOT_FOUND');
    return reply.code(answer.status).type(answer.type).header('cache-control', 'no-store').send(answer.body);
  });
}
