import { randomUUID } from 'node:crypto';
import {
  type ChatStore,
  cachedUsers,
  createContactBook,
  createHoleFiller,
  type EventFeed,
  type EventPublisher,
  finishChanges,
  type PresenceRegistry,
  type ReceiptConsumer,
  reapGateways,
  relayOutbox,
  settleOffline,
} from '@confab/chat';
import type { Media } from '@confab/media';
import { limitedTraceLog } from '@confab/redis';
import type { Health, Logger, Tracer } from '@confab/service-kit';
import { mediaWork } from './media-work.ts';
import { type PeriodicTask, startPeriodicTask } from './periodic-task.ts';
import { createReceiptProcessor, type WorkerContext } from './receipt-processor.ts';
import { startWatchdog } from './watchdog.ts';
import type { WorkerCounters } from './worker-metrics.ts';

/** The bus as the worker uses it. */
export interface ReceiptsBus {
  publisher: EventPublisher;
  feed: EventFeed;
  registry: PresenceRegistry;
  consumer: ReceiptConsumer;
}

export interface ReceiptsDependencies {
  store: ChatStore;
  bus: ReceiptsBus;
  /** Uploads; absent where the deployment takes none. */
  media?: Media | undefined;
  logger: Logger;
  health: Health;
  /** Nothing is counted if absent. */
  counters?: WorkerCounters;
  /** Traces are off if absent. */
  tracer?: Tracer | undefined;
  /** Called once when a batch hangs, which nothing but a new process cures. Nobody is told if absent. */
  onStuck?: (stuckMs: number) => void;
  patience?: Partial<Patience>;
}

export interface Patience {
  /** Without progress for this long (milliseconds) the worker is not ready. */
  notReadyMs: number;
  /** A batch without a step for this long (milliseconds) hangs. */
  stuckMs: number;
}

export interface ReceiptsWorker {
  /** Stops reading, finishes the batch and the tasks that run. Stores and bus belong to the caller. */
  close(): Promise<void>;
}

/** How far back the hole filler looks after a start, in milliseconds: longer than any outage of all workers should be. */
const LOOK_BACK_MS = 7 * 24 * 3_600_000;

/**
 * Source: twice the longest pause of any of its loops; and a hundred times the longest that one step of a batch should take, since a worker
 * that is only slow must not be ended in the middle of its work again and again.
 */
const PATIENCE: Patience = { notReadyMs: 15_000, stuckMs: 300_000 };

/** Milliseconds between runs. The relay's is a fraction of the 2 s that a message may wait; the reaper's of the lease. */
const EVERY = { relay: 250, offline: 300, reap: 500, holes: 2_000, changes: 2_000 } as const;

/** Starts the worker's consumer and its periodic tasks. */
export function startReceiptsWorker(options: ReceiptsDependencies): ReceiptsWorker {
  const { bus, logger, health, counters, tracer } = options;
  const ctx = contextOf(options);
  const stopping = new AbortController();
  const processor = createReceiptProcessor(ctx, bus.consumer, stopping.signal, { counters, tracer });
  const reading = processor.run();
  const { notReadyMs, stuckMs: limitMs } = { ...PATIENCE, ...options.patience };
  const progress = (idleMs: number) => ({ ok: idleMs < notReadyMs, detail: `progress ${Math.round(idleMs)} ms ago` });
  const holes = createHoleFiller(ctx, new Date(ctx.clock.now() - LOOK_BACK_MS));
  const work: Record<keyof typeof EVERY, () => Promise<unknown>> = {
    // The work first, in a statement of its own: `counters?.x.inc(await work())` does nothing at all where nothing is counted.
    relay: async () => {
      const relayed = await relayOutbox(ctx);
      counters?.relayed.inc(relayed);
    },
    offline: async () => {
      const wentOffline = await settleOffline(ctx);
      counters?.wentOffline.inc(wentOffline);
    },
    reap: async () => {
      const reaped = await reapGateways(ctx);
      counters?.reaped.inc(reaped);
    },
    holes: () => holes.run(),
    changes: () => finishChanges(ctx),
  };
  const tasks = Object.entries(work).map(([name, run]) => {
    const task = startPeriodicTask({
      name,
      run,
      everyMs: EVERY[name as keyof typeof EVERY],
      log: logger,
      onFailure: () => counters?.taskFailures.inc({ task: name }),
    });
    health.add({ name: `task ${name}`, check: () => progress(task.idleMs()) });
    return task;
  });
  for (const { name, everyMs, run } of mediaWork(ctx, options.media)) {
    // Not a part of readiness: receipts go on while the storage of media is away.
    const onFailure = () => counters?.taskFailures.inc({ task: name });
    tasks.push(startPeriodicTask({ name, run, everyMs, log: logger, onFailure }));
  }
  health.add({ name: 'receipts log', check: () => progress(bus.consumer.idleMs()) });
  // The log is read on behind a batch that hangs, as long as little comes.
  health.add({ name: 'batch of receipts', check: () => progress(processor.stuckMs()) });
  const { onStuck = () => {} } = options;
  const stopWatching = startWatchdog({ stuckMs: processor.stuckMs, limitMs, onStuck });
  return { close: () => close(bus.consumer, reading, tasks, stopping).finally(stopWatching) };
}

function contextOf({ store, bus, media, logger }: ReceiptsDependencies): WorkerContext {
  const clock = { now: () => Date.now() };
  const users = cachedUsers(store.users, clock);
  return {
    ...bus,
    media,
    store: { ...store, users },
    clock,
    ids: { token: () => randomUUID() },
    log: limitedTraceLog(logger),
    contacts: createContactBook(users),
  };
}

async function close(
  consumer: ReceiptConsumer,
  reading: Promise<void>,
  tasks: PeriodicTask[],
  stopping: AbortController,
): Promise<void> {
  stopping.abort();
  await Promise.all([consumer.close(), ...tasks.map((task) => task.close())]);
  await reading;
}
