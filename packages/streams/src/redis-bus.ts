import type { ApiBus, WorkerBus } from '@confab/chat';
import {
  checkServer,
  connectCommands,
  connectReader,
  connectSubscriber,
  type RedisConnection,
  RedisGatewayLease,
  RedisPresenceDirectory,
  RedisPresenceRegistry,
  RedisRateLimiter,
  RedisRevocationList,
  type RedisSettings,
  RedisUserQuota,
  type RevocationListOptions,
  Subscriptions,
} from '@confab/redis';
import { DeadLetters } from './dead-letters.ts';
import { RedisEventFeed } from './event-feed.ts';
import { RedisEventPublisher } from './event-publisher.ts';
import { RedisGatewayBus } from './gateway-bus.ts';
import { type ReceiptConsumerOptions, RedisReceiptConsumer } from './receipt-consumer.ts';
import { RedisReceiptLog } from './receipt-log.ts';
import { RedisSignalPublisher } from './signals.ts';

/** Settings of a deployment; the same in all of its services. */
export interface RedisBusSettings extends RedisSettings {
  partitions?: number;
  /** Entries that one gateway's inbox keeps, about. */
  inboxLength?: number;
  /** Entries that one partition of the receipts log keeps, about. */
  receiptsLength?: number;
  /** Entries that one partition of the feed keeps, about. */
  feedLength?: number;
  revocations?: RevocationListOptions;
  /** Milliseconds to wait for Redis at the start. Default 10,000. */
  startTimeoutMs?: number;
}

const DEFAULT_START_TIMEOUT_MS = 10_000;

/** What the api and the worker share. */
function publishingParts(commands: RedisConnection, settings: RedisBusSettings) {
  return {
    publisher: new RedisEventPublisher(commands, settings),
    receipts: new RedisReceiptLog(commands, { ...settings, length: settings.receiptsLength }),
    feed: new RedisEventFeed(commands, { ...settings, length: settings.feedLength }),
  };
}

async function connect(settings: RedisBusSettings): Promise<RedisConnection> {
  const commands = connectCommands(settings);
  try {
    await commands.ready(settings.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS);
    await checkServer(commands);
    return commands;
  } catch (error) {
    await commands.close();
    throw error;
  }
}

/**
 * The api's side: publisher, receipts, feed, presence, limiter, revocations.
 * @throws ChatError UNAVAILABLE if Redis cannot be reached within `startTimeoutMs`; Error if it is too old
 */
export async function createRedisApiBus(settings: RedisBusSettings): Promise<ApiBus> {
  const commands = await connect(settings);
  const subscriptions = new Subscriptions(connectSubscriber(settings));
  const revocations = new RedisRevocationList(commands, subscriptions, settings.revocations);
  const close = async () => {
    await revocations.close();
    await subscriptions.close();
    await commands.close();
  };
  await startOrClose(() => revocations.start(), close);
  return {
    ...publishingParts(commands, settings),
    presence: new RedisPresenceDirectory(commands),
    limiter: new RedisRateLimiter(commands),
    revocations,
    get isReady() {
      return commands.isReady;
    },
    close,
  };
}

/**
 * The gateway's side, with its first lease and inbox open.
 * @throws ChatError UNAVAILABLE if Redis cannot be reached within `startTimeoutMs`; Error if it is too old
 */
export async function createRedisGatewayBus(
  settings: RedisBusSettings & { gatewayId: string; leaseMs?: number },
): Promise<RedisGatewayBus> {
  const commands = await connect(settings);
  const subscriptions = new Subscriptions(connectSubscriber(settings));
  const lease = new RedisGatewayLease(commands, settings);
  const directory = new RedisPresenceDirectory(commands);
  const bus = new RedisGatewayBus({
    commands,
    connectReader: () => connectReader(settings),
    subscriptions,
    lease,
    quota: new RedisUserQuota(commands, directory, () => lease.instance),
    receipts: new RedisReceiptLog(commands, { ...settings, length: settings.receiptsLength }),
    signals: new RedisSignalPublisher(commands, directory),
    revocations: new RedisRevocationList(commands, subscriptions, settings.revocations),
  });
  await startOrClose(
    async () => {
      await bus.revocations.start();
      await bus.lease.reincarnate([]);
    },
    () => bus.close(),
  );
  return bus;
}

/**
 * The worker's side: presence registry, receipts consumer, publisher, feed, dead letters.
 * @throws ChatError UNAVAILABLE if Redis cannot be reached within `startTimeoutMs`; Error if it is too old
 */
export async function createRedisWorkerBus(
  settings: RedisBusSettings & Omit<ReceiptConsumerOptions, 'connectReader'>,
): Promise<WorkerBus> {
  const commands = await connect(settings);
  const consumer = new RedisReceiptConsumer(commands, { ...settings, connectReader: () => connectReader(settings) });
  return {
    ...publishingParts(commands, settings),
    presence: new RedisPresenceRegistry(commands),
    limiter: new RedisRateLimiter(commands),
    consumer,
    deadLetters: new DeadLetters(commands, settings),
    get isReady() {
      return commands.isReady;
    },
    close: async () => {
      await consumer.close();
      await commands.close();
    },
  };
}

async function startOrClose(start: () => Promise<void>, close: () => Promise<void>): Promise<void> {
  try {
    await start();
  } catch (error) {
    await close();
    throw error;
  }
}
