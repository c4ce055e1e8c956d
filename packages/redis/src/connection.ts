import type { Log } from '@confab/chat';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { letCommandsDieYoung } from './command-promises.ts';
import { createKeys, type Keys } from './keys.ts';
import { sharedLimitedLog } from './limited-log.ts';
import { translateRedisError, unavailable } from './redis-errors.ts';
import { TurnWrites } from './turn-writes.ts';

export interface RedisSettings {
  /** `redis://` or `rediss://`; for a cluster one or more of them, separated by commas. */
  url: string;
  /** Speak to a Redis Cluster. */
  cluster?: boolean;
  keyPrefix?: string;
  /** Milliseconds until a command that got no answer fails. Default 1,000: sends must settle within 2 s with one retry. */
  commandTimeoutMs?: number;
  log: Log;
}

/** Both kinds of client take the same commands; ioredis types them alike except for the constructor. */
export type RedisClient = Redis;

const DEFAULT_COMMAND_TIMEOUT_MS = 1_000;
/** Longest pause between two attempts to connect. Source: readers must be back within 5 s of Redis. */
const MAX_RECONNECT_DELAY_MS = 2_000;
/** A reader whose socket was silent for so long is on a dead connection: BLOCK is shorter. */
const READER_SILENCE_MS = 5_000;

/** Exponential back-off from 50 ms with full jitter in its upper half, so that a fleet does not come back in step. */
function reconnectDelay(attempt: number): number {
  const ceiling = Math.min(50 * 2 ** Math.min(attempt - 1, 10), MAX_RECONNECT_DELAY_MS);
  return Math.round(ceiling * (0.5 + Math.random() / 2));
}

type Role = 'commands' | 'reader' | 'subscriber';

letCommandsDieYoung();

function optionsFor(role: Role, commandTimeoutMs: number): RedisOptions {
  return {
    // Fail fast: a queue of commands for a Redis that is away grows without bound, and its callers have long given up.
    enableOfflineQueue: false,
    // A command whose reply was lost may have been executed: re-sending an XADD doubles it. With 0 retries such a command is
    // rejected when the connection closes; without it ioredis would never settle it.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Subscriptions are restored by the subscriber itself, which then also knows when.
    autoResubscribe: false,
    connectTimeout: Math.max(commandTimeoutMs * 2, 2_000),
    disconnectTimeout: 200,
    keepAlive: 5_000,
    disableClientInfo: true,
    connectionName: `confab-${role}`,
    retryStrategy: reconnectDelay,
    ...(role === 'reader' ? { socketTimeout: READER_SILENCE_MS } : { commandTimeout: commandTimeoutMs }),
  };
}

function createClient(settings: RedisSettings, role: Role): RedisClient {
  const options = optionsFor(role, settings.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS);
  if (!settings.cluster) return new Redis(settings.url, options);
  const urls = settings.url.split(',').map((url) => new URL(url.trim()));
  const { retryStrategy, enableOfflineQueue, ...redisOptions } = options;
  const first = urls[0];
  const clusterOptions: ClusterOptions = {
    enableOfflineQueue: false,
    enableAutoPipelining: role === 'commands',
    shardedSubscribers: role === 'subscriber',
    clusterRetryStrategy: reconnectDelay,
    clusterNodeRetryStrategy: reconnectDelay,
    // A node that stopped answering is told by silence; the other nodes' connections stay.
    redisOptions: {
      socketTimeout: READER_SILENCE_MS,
      ...redisOptions,
      ...(first?.username && { username: decodeURIComponent(first.username) }),
      ...(first?.password && { password: decodeURIComponent(first.password) }),
      ...(first?.protocol === 'rediss:' && { tls: {} }),
    },
  };
  const nodes = urls.map((url) => ({ host: url.hostname, port: Number(url.port || 6379) }));
  return new Cluster(nodes, clusterOptions) as unknown as RedisClient;
}

/**
 * One connection to Redis (to a cluster: one per node). The only way in which the adapters run commands: with a deadline, failing fast
 * while Redis is away, and with errors translated once.
 */
export class RedisConnection {
  readonly keys: Keys;
  readonly log: Log;
  readonly #client: RedisClient;
  readonly #timeoutMs: number;
  readonly #cluster: boolean;
  /** Absent in a cluster, and where commands go one by one anyway. */
  readonly #turnWrites: TurnWrites | undefined;
  #readySince = 0;
  /** Connections that were made so far. */
  #made = 0;
  #lost = false;
  #closed = false;
  #resetting = false;

  constructor(settings: RedisSettings, role: Role) {
    this.keys = createKeys(settings.keyPrefix);
    this.log = sharedLimitedLog(settings.log);
    this.#timeoutMs = settings.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS;
    this.#cluster = settings.cluster === true;
    this.#turnWrites = role === 'commands' && !this.#cluster ? new TurnWrites() : undefined;
    this.#client = createClient(settings, role);
    this.#client.on('ready', () => this.#onReady(role));
    if (this.#cluster) this.#countConnectionsToNodes();
    this.#client.on('close', () => this.#onClose(role));
    this.#client.on('error', (error: Error) => this.#onLost(role, error.message));
  }

  get isReady(): boolean {
    return this.#client.status === 'ready';
  }

  /** Keys of one command must be in one slot. */
  get isCluster(): boolean {
    return this.#cluster;
  }

  /** Another text whenever a connection was made anew, in a cluster to any node, and when it has other primaries. Asks nobody. */
  get connections(): string {
    const primaries = this.#cluster ? this.primaries.map(({ options: { host, port } }) => `${host}:${port}`) : [];
    return [this.#made, ...primaries.toSorted()].join(' ');
  }

  /** The servers that take writes, as far as is known: in a cluster one client for each. */
  get primaries(): RedisClient[] {
    return this.#cluster ? (this.#client as unknown as Cluster).nodes('master') : [this.#client];
  }

  /** The bare client, for subscriptions and events. Commands go through `run`. */
  get client(): RedisClient {
    return this.#client;
  }

  /**
   * Runs commands.
   * @param timeoutMs until all of them must have answered; blocking reads give their BLOCK plus a margin
   * @throws ChatError UNAVAILABLE if Redis did not do it in time (it may still have done it); a ReplyError for a wrong command
   */
  run<T>(commands: (client: RedisClient) => Promise<T>, timeoutMs: number = this.#timeoutMs): Promise<T> {
    const startedAt = performance.now();
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#onTimeout(startedAt);
        reject(unavailable(new Error(`Redis did not answer within ${timeoutMs} ms`)));
      }, timeoutMs);
      const settle = () => clearTimeout(timer);
      this.#start(commands)
        .then(resolve, (error) => reject(translateRedisError(error)))
        .finally(settle);
    });
  }

  /** Waits until commands can be run. @throws ChatError UNAVAILABLE after `timeoutMs` */
  ready(timeoutMs: number): Promise<void> {
    if (this.isReady) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onReady = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#client.off('ready', onReady);
        reject(unavailable(new Error(`no connection to Redis within ${timeoutMs} ms`)));
      }, timeoutMs);
      this.#client.once('ready', onReady);
    });
  }

  /** Gives this connection up and makes another. Commands that wait for an answer fail. */
  reset(): void {
    if (this.#closed || this.#resetting || !this.isReady) return;
    this.#resetting = true;
    this.#client.disconnect(true);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.disconnect();
  }

  async #start<T>(commands: (client: RedisClient) => Promise<T>): Promise<T> {
    if (!this.isReady) throw unavailable(new Error(`the connection to Redis is ${this.#client.status}`));
    this.#turnWrites?.hold(this.#client);
    return commands(this.#client);
  }

  /**
   * A connection that did not answer in time is replaced: Redis drops what it had not begun, so that a command does not take effect
   * long after its caller was told that it failed; and if a reply was lost on the way, later replies would be matched to the wrong commands.
   */
  #onTimeout(startedAt: number): void {
    if (this.#cluster || startedAt < this.#readySince) return;
    this.reset();
  }

  #countConnectionsToNodes(): void {
    (this.#client as unknown as Cluster).on('+node', (node: Redis) => {
      node.on('ready', () => {
        this.#made++;
      });
    });
  }

  #onReady(role: Role): void {
    this.#made++;
    this.#readySince = performance.now();
    if (this.#lost) this.log.info({ role }, 'connected to Redis again');
    this.#lost = false;
  }

  #onClose(role: Role): void {
    const intended = this.#resetting || this.#closed;
    this.#resetting = false;
    if (!intended) this.#onLost(role, 'it was closed by the other side');
  }

  /** Once per outage, whether it shows as an error or as an end. */
  #onLost(role: Role, reason: string): void {
    if (!this.#lost) this.log.warn({ role, reason }, 'the connection to Redis is lost; connecting again');
    this.#lost = true;
  }
}

/** For commands that answer at once: those of a turn by one write, one deadline for all. */
export function connectCommands(settings: RedisSettings): RedisConnection {
  return new RedisConnection(settings, 'commands');
}

/** For one blocking reader: nothing else may wait behind its BLOCK. */
export function connectReader(settings: RedisSettings): RedisConnection {
  return new RedisConnection(settings, 'reader');
}

/** For subscriptions. */
export function connectSubscriber(settings: RedisSettings): RedisConnection {
  return new RedisConnection(settings, 'subscriber');
}
