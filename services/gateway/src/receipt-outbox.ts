import type { Log, ReceiptLog } from '@confab/chat';
import type { ReceiptEvent } from '@confab/contracts';
import { Pauses } from './pauses.ts';

/** Receipts appended in one call. */
const BATCH = 500;
/** Receipts that wait while the bus is away. Source: 20,000 of 1 KB are 20 MB; a minute of a busy gateway. */
const MAX_WAITING = 20_000;
/**
 * Milliseconds between two appends at least; the first after a pause goes at once. Source: measured; at 1,000 messages a second 50 ms instead of
 * 20 take 12% off what a gateway costs, and nobody sees a tick come 30 ms later.
 */
const GAP_MS = 50;
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2_000;

export interface ReceiptOutbox {
  /** Takes receipts to append as soon as possible, in order. Never throws; beyond the bound the oldest `delivered` go first. */
  add(...events: ReceiptEvent[]): void;
  readonly waiting: number;
  /** Receipts that were dropped. */
  readonly dropped: number;
  /** Waits until nothing waits, at most `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>;
  close(): void;
}

/**
 * Appends receipts in the background, and again after a failure (appending twice is harmless: receipts only raise). A dropped
 * `delivered` receipt is made good by the next one of the conversation, since watermarks only grow; presence is kept as long as possible.
 */
export function createReceiptOutbox(receipts: ReceiptLog, log: Log): ReceiptOutbox {
  let waiting: ReceiptEvent[] = [];
  /** Those that are being appended. */
  let underWay: ReceiptEvent[] = [];
  let dropped = 0;
  let running: Promise<void> | undefined;
  const pauses = new Pauses();

  const keepWithinBound = () => {
    const before = waiting.length;
    if (before + underWay.length <= MAX_WAITING) return;
    waiting = withinBound(waiting, MAX_WAITING - underWay.length);
    dropped += before - waiting.length;
  };

  const drain = async () => {
    let pauseMs = FIRST_PAUSE_MS;
    while (waiting.length > 0 && !pauses.ended) {
      underWay = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      try {
        await receipts.append(underWay);
        underWay = [];
        pauseMs = FIRST_PAUSE_MS;
        if (waiting.length < BATCH) await pauses.sleep(GAP_MS);
      } catch (error) {
        waiting = [...underWay, ...waiting];
        underWay = [];
        if (pauseMs === FIRST_PAUSE_MS) log.warn({ err: error, waiting: waiting.length }, 'receipts wait for the bus');
        await pauses.sleep(pauseMs);
        pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
      }
    }
    running = undefined;
  };

  return {
    add(...events) {
      // An empty call must not start a drain: with nothing to wait for it would end before it is noted as running.
      if (events.length === 0) return;
      waiting.push(...events);
      keepWithinBound();
      running ??= drain();
    },
    get waiting() {
      return waiting.length + underWay.length;
    },
    get dropped() {
      return dropped;
    },
    async flush(deadlineMs) {
      await Promise.race([running, pauses.sleep(deadlineMs)]);
    },
    close() {
      pauses.end();
    },
  };
}

function withinBound(events: ReceiptEvent[], bound: number): ReceiptEvent[] {
  let excess = events.length - bound;
  const kept = events.filter((event) => event.type !== 'delivered' || excess-- <= 0);
  return kept.slice(Math.max(0, kept.length - bound));
}
