import { ErrorReply, type RouteContract, routes, validatorOf } from '@confab/contracts';
import { createMemoryBus, type MemoryBus } from '@confab/memory';
import { connectMongo, type MongoStore } from '@confab/mongo';
import { createHealth, createLogger } from '@confab/service-kit';
import { eventually, mintToken, testMongo } from '@confab/testkit';
import { onTestFinished } from 'vitest';
import { type Api, type ApiDependencies, createApi } from '../src/api.ts';
import { loadApiConfig } from '../src/config.ts';

const SECRET = 'a-secret-of-the-tests-with-more-than-32-characters';

export interface Call {
  /** Who calls; without a token if null. */
  as?: string | null;
  scope?: string;
  body?: unknown;
  /** Sent as it is, instead of a JSON body. */
  raw?: { type: string | undefined; text: string };
  headers?: Record<string, string>;
}

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Record<string, unknown>;
  body: {
    success: boolean;
    data: T;
    error?: { code: string; message: string; field?: string; retryAfter?: number };
    retryAfter?: number;
    pagination?: object;
    nextCursor?: string;
  };
}

export interface BuiltApi {
  api: Api;
  store: MongoStore;
  bus: MemoryBus;
  call<T = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    call?: Call,
  ): Promise<Answer<T>>;
  /** The id of a conversation of two. */
  open(as: string, other: string): Promise<string>;
  /** Listens on a free port. @returns the base URL */
  listen(): Promise<string>;
}

interface BuildOptions {
  env?: Record<string, string>;
  /** The store as the api sees it; the test's own has no faults. */
  through?: (url: string) => string;
  deps?: (made: { store: MongoStore; bus: MemoryBus }) => Partial<ApiDependencies>;
}

/** The api over the real store and the bus of one process; gone when the test ends. Every reply is checked against its contract. */
export async function build({
  env = {},
  through = (url) => url,
  deps = () => ({}),
}: BuildOptions = {}): Promise<BuiltApi> {
  const mongo = await testMongo();
  const database = mongo.dbName();
  const store = await connectMongo({ url: through(mongo.url), database });
  const bus = createMemoryBus();
  const health = createHealth();
  health.add({ name: 'mongodb', check: () => store.ping().then(() => ({ ok: true })) });
  const api = await createApi({
    config: loadApiConfig({ MONGODB_URL: mongo.url, REDIS_URL: 'redis://unused', JWT_SECRET: SECRET, ...env }),
    store,
    bus: bus.api,
    logger: createLogger({ name: 'api', level: 'silent' }),
    health,
    ...deps({ store, bus }),
  });
  onTestFinished(async () => {
    await api.close();
    await store.close();
    await dropDatabase(mongo.url, database);
  });

  const call = async <T>(method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, options: Call = {}) => {
    // On a busy machine the api may rightly refuse for a moment.
    return eventually(async () => {
      const reply = await api.app.inject({ method, url, ...requestOf(options) });
      const answer: Answer<T> = { status: reply.statusCode, headers: reply.headers, body: reply.json() };
      checkContract(method, url, answer);
      if (answer.body.error?.code === 'OVERLOADED') throw new Error('the api is overloaded');
      return answer;
    }, 10_000);
  };
  return {
    ...{ api, store, bus, call },
    async open(as, other) {
      return (await call<{ _id: string }>('GET', `/api/chat/conversation/${other}`, { as })).body.data._id;
    },
    listen: () => api.app.listen({ host: '127.0.0.1', port: 0 }),
  };
}

export const tokenOf = (userId: string, claims: object = {}): string => mintToken(SECRET, { sub: userId, ...claims });

function requestOf({ as = 'alice', scope, body, raw, headers }: Call) {
  const claims = scope === undefined ? {} : { scope };
  return {
    headers: {
      ...(as !== null && { authorization: `Bearer ${tokenOf(as, claims)}` }),
      ...(raw?.type !== undefined && { 'content-type': raw.type }),
      ...headers,
    },
    ...(raw ? { payload: raw.text } : body !== undefined && { payload: body as object }),
  };
}

async function dropDatabase(url: string, database: string): Promise<void> {
  const store = await connectMongo({ url, database });
  await store.db.dropDatabase();
  await store.close();
}

/** @throws Error if the reply is not what the contract of its route says */
function checkContract(method: string, url: string, answer: Answer<unknown>): void {
  const path = url.split('?', 1)[0] ?? '';
  const contract = Object.values<RouteContract>(routes).find(
    (route) => route.method === method && matcherOf(route.path).test(path),
  );
  const isFailure = answer.status >= 400;
  if (!contract && !isFailure) return;
  const validator = validatorOf(isFailure || !contract ? ErrorReply : contract.reply);
  if (validator.Check(answer.body) && (isFailure || answer.status === contract?.status)) return;
  const errors = validator.Errors(answer.body).slice(0, 3);
  throw new Error(`${method} ${path} answered ${answer.status} against its contract: ${JSON.stringify(errors)}`);
}

const matcherOf = (path: string) => new RegExp(`^${path.replaceAll(/:[A-Za-z]+/g, '[^/]+')}$`);
