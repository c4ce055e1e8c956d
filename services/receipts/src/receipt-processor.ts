import {
  applyDelivered,
  applyPresence,
  applyReads,
  type ChatContext,
  type ContactBook,
  type Ids,
  meetTogether,
  type PresenceRegistry,
  type ReceiptConsumer,
  type ReceivedReceipt,
} from '@confab/chat';
import { ChatError, type ReceiptEvent } from '@confab/contracts';
import { type Tracer, traceBatch } from '@confab/service-kit';
import { inLanes } from './lanes.ts';
import type { WorkerCounters } from './worker-metrics.ts';

export type WorkerContext = Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'log' | 'clock' | 'media'> & {
  ids: Pick<Ids, 'token'>;
  registry: PresenceRegistry;
  contacts: ContactBook;
};

/** An entry whose effect failed this often is set aside: it is the entry, not the moment. Source: DESIGN, streams. */
export const MAX_DELIVERIES = 5;
/** Pause in milliseconds before a batch is tried again while the store or the bus is away. */
const RETRY_MS = 250;
/** Tries of parts of a batch that may fail one after the other. Source: to find one entry among 8,000 takes 14 at most. */
export const FAILURES_IN_ROW = 40;
/** Entries of one batch whose failure is logged each; what they all fail of would else be a line for each of thousands. */
export const FAILURES_LOGGED = 5;

interface Readable extends ReceivedReceipt {
  event: ReceiptEvent;
}

/** The search for the entries of a batch that fail for themselves. */
interface Search {
  /** Tries that failed since one succeeded. */
  inRow: number;
  /** Entries that failed alone. */
  alone: number;
}

/**
 * Applies batches of the receipts log, and acknowledges an entry only after its effect. Every effect is idempotent, because an
 * entry may come twice (a worker that was frozen past the claim time, a restart).
 */
export function createReceiptProcessor(
  ctx: WorkerContext,
  consumer: ReceiptConsumer,
  stopping: AbortSignal,
  measures: { counters?: WorkerCounters | undefined; tracer?: Tracer | undefined } = {},
) {
  const { counters, tracer } = measures;
  /** When the batch in hand last made a step; null without one. A try that fails is a step: outages end in errors, hangs do not. */
  let steppedAt: number | null = null;
  const step = () => {
    steppedAt = performance.now();
  };
  /** A part is done: unlike a try that fails, a reason for other workers to leave the rest to this one. */
  const progress = () => {
    step();
    consumer.keep?.().catch((error: unknown) => {
      ctx.log.warn({ err: error }, 'receipts at work were not kept from other workers, and may be applied twice');
    });
  };
  /** @param retried a first try failed half-way: what moved then does not move again, and must be told all the same */
  const applyAll = async (entries: readonly Readable[], retried: boolean): Promise<void> => {
    const again = (entry: Readable) => retried || entry.deliveries > 1;
    for (const [redelivered, group] of Map.groupBy(entries, again)) {
      const events = group.map((entry) => entry.event);
      const of = <T extends ReceiptEvent['type']>(type: T) =>
        events.filter((event): event is Extract<ReceiptEvent, { type: T }> => event.type === type);
      await applyDelivered(ctx, of('delivered'), redelivered, progress);
      await applyReads(ctx, of('read'), redelivered, progress);
      await meetTogether(ctx, of('presence'));
      await inLanes(
        of('presence'),
        ({ userId }) => userId,
        (event) => applyPresence(ctx, event, redelivered).then(progress),
      );
    }
  };

  const apply = async (entries: readonly Readable[], retried: boolean): Promise<void> => {
    const named = () => entries.map(({ event }) => ({ ...event, name: `apply ${event.type}` }));
    await traceBatch(tracer, named, () => applyAll(entries, retried));
    const types = Map.groupBy(entries, ({ event }) => event.type);
    for (const [type, { length }] of types) counters?.applied.inc({ type }, length);
  };

  const deadLetter = async (entry: ReceivedReceipt, reason: string): Promise<void> => {
    await consumer.deadLetter(entry, reason);
    counters?.deadLettered.inc();
  };

  /** It failed alone. Not acknowledged: it is claimed again, with a higher count, until it is set aside. */
  const failAlone = async (entry: Readable, error: unknown, search: Search): Promise<void> => {
    const { partition, entryId, deliveries } = entry;
    if (++search.alone <= FAILURES_LOGGED)
      ctx.log.error({ err: error, partition, entry: entryId, deliveries }, 'receipt could not be applied');
    if (deliveries >= MAX_DELIVERIES) await deadLetter(entry, reasonOf(error));
  };

  /** Applies entries of which the whole failed: what fails is halved until it is alone, so that it does not hold up the others. */
  const applyHalves = async (entries: readonly Readable[], failure: unknown, search: Search): Promise<void> => {
    search.inRow++;
    const [first] = entries;
    if (entries.length === 1 && first) return failAlone(first, failure, search);
    const middle = Math.ceil(entries.length / 2);
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      // It is not single entries: the rest stays unacknowledged, and is claimed later.
      if (search.inRow >= FAILURES_IN_ROW) return;
      try {
        await apply(half, true);
      } catch (error) {
        if (isPassing(error)) throw error;
        await applyHalves(half, error, search);
        continue;
      }
      await consumer.acknowledge(half);
      search.inRow = 0;
    }
  };

  /** Something in the batch fails for itself. Finding one of n takes 2 log2(n) tries. */
  const applyApart = async (entries: readonly Readable[], failure: unknown): Promise<void> => {
    const search: Search = { inRow: 0, alone: 0 };
    await applyHalves(entries, failure, search);
    const givenUp = search.inRow >= FAILURES_IN_ROW;
    if (search.alone > FAILURES_LOGGED || givenUp)
      ctx.log.error(
        { err: failure, of: entries.length, alone: search.alone, givenUp },
        'receipts could not be applied',
      );
  };

  const process = async (batch: readonly ReceivedReceipt[], retried: boolean): Promise<void> => {
    for (const entry of batch) {
      if (entry.event === null) await deadLetter(entry, entry.problem ?? 'unreadable');
    }
    const readable = batch.filter((entry): entry is Readable => entry.event !== null);
    if (readable.length === 0) return;
    try {
      await apply(readable, retried);
    } catch (error) {
      if (isPassing(error)) throw error;
      return applyApart(readable, error);
    }
    await consumer.acknowledge(readable);
  };

  return {
    /** Runs until the consumer ends. */
    async run(): Promise<void> {
      for await (const batch of consumer.batches()) {
        await untilDone((retried) => process(batch, retried));
        steppedAt = null;
      }
    },

    /** Milliseconds for which the batch in hand has made no step; 0 without one. */
    stuckMs: () => (steppedAt === null ? 0 : performance.now() - steppedAt),
  };

  /** While a store is away, the batch waits here: no other worker could do better, and nothing is lost. */
  async function untilDone(work: (retried: boolean) => Promise<void>): Promise<void> {
    for (let failures = 0; !stopping.aborted; failures++) {
      step();
      try {
        return await work(failures > 0);
      } catch (error) {
        if (failures === 0) ctx.log.warn({ err: error }, 'receipts wait for a store');
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

const isPassing = (error: unknown): boolean => error instanceof ChatError && error.code === 'UNAVAILABLE';
const reasonOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);
