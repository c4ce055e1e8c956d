import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createRedisApiBus } from '@confab/streams';
import { unixMicroseconds } from './clock.ts';

/** What the thread is started with. */
export interface PublishOrder {
  redis: string;
  prefix: string;
  cluster: boolean;
  users: string[];
  rate: number;
  payload: number;
  duration: number;
}

/** What it tells: every second, and at the end. */
export interface PublishReport {
  published: number;
  failed: number;
  /** Events that were not published in time, because too many waited for Redis. */
  late: number;
  done: boolean;
}

/** Publishes under way at once. Source: at 1 ms each, far above any rate that one Redis takes. */
const MAX_IN_FLIGHT = 2_000;
const TICK_MS = 2;

/** Publishes straight to inboxes, as the api does after it has stored a message; in a thread of its own, so that receiving does not slow it. */
async function publishAll(order: PublishOrder, tell: (report: PublishReport) => void): Promise<void> {
  const log = { debug() {}, info() {}, warn: console.warn, error: console.error };
  const bus = await createRedisApiBus({ url: order.redis, keyPrefix: order.prefix, cluster: order.cluster, log });
  const report: PublishReport = { published: 0, failed: 0, late: 0, done: false };
  const conversationId = randomBytes(12).toString('hex');
  let inFlight = 0;
  let next = 0;

  const publishOne = async () => {
    const user = order.users[next++ % order.users.length] ?? '';
    const messageId = randomBytes(12).toString('hex');
    const payload = payloadOf(messageId, order.payload);
    const meta = { traceId: messageId, id: messageId, conversationId, messageId, senderId: 'load', seq: next };
    inFlight++;
    try {
      await bus.publisher.publish({ event: 'new:message', payload, ...meta }, [user]);
      report.published++;
    } catch {
      report.failed++;
    } finally {
      inFlight--;
    }
  };

  const startedAt = performance.now();
  let toldAt = startedAt;
  for (;;) {
    const elapsed = performance.now() - startedAt;
    if (elapsed >= order.duration * 1_000) break;
    const due = Math.floor((elapsed / 1_000) * order.rate) - next - report.late;
    for (let i = 0; i < due; i++) {
      if (inFlight < MAX_IN_FLIGHT) void publishOne();
      else report.late++;
    }
    if (performance.now() - toldAt >= 1_000) {
      toldAt = performance.now();
      tell({ ...report });
    }
    await sleep(TICK_MS);
  }
  while (inFlight > 0) await sleep(10);
  await bus.close();
  tell({ ...report, done: true });
}

/** `sentAt` comes first, where the receiver finds it without parsing. */
function payloadOf(messageId: string, bytes: number): string {
  const head = `{"sentAt":${unixMicroseconds()},"message":{"_id":"${messageId}","text":"`;
  return `${head}${'x'.repeat(Math.max(0, bytes - head.length - 3))}"}}`;
}

if (parentPort) {
  const port = parentPort;
  await publishAll(workerData as PublishOrder, (report) => port.postMessage(report));
}
