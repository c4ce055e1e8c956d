import type { ReceiptConsumer, ReceivedReceipt, WatermarkMove } from '@confab/chat';
import { ChatError, type DeliveredReceipt, STREAM_VERSION } from '@confab/contracts';
import { expect, test } from 'vitest';
import { createReceiptProcessor, type WorkerContext } from './receipt-processor.ts';

/** Of two parts: conversations are applied 200 at once. */
const CONVERSATIONS = 300;

const idOf = (n: number) => n.toString(16).padStart(24, '0');
const batch = Array.from({ length: CONVERSATIONS }, (_, n): ReceivedReceipt => {
  const items = [{ messageId: idOf(n), seq: 1, senderId: 'sender' }];
  const about = { type: 'delivered' as const, conversationId: idOf(n), userIds: ['reader'], items };
  const event: DeliveredReceipt = { ...{ v: STREAM_VERSION, id: `r${n}`, at: 0, traceId: 't' }, ...about };
  return { partition: 0, entryId: `1-${n}`, deliveries: 1, event };
});

/** Works on one batch. @returns what was done, in order, and the warnings */
async function workOn(options: { raise?: () => Promise<void>; keep?: () => Promise<void> }) {
  const steps: string[] = [];
  const warnings: string[] = [];
  const noted = async (step: string, work?: () => Promise<void>) => {
    steps.push(step);
    await work?.();
  };
  const consumer = {
    async *batches() {
      yield batch;
    },
    keep: () => noted('keep', options.keep),
    acknowledge: (entries: ReceivedReceipt[]) => noted(`acknowledge ${entries.length}`),
  } as unknown as ReceiptConsumer;
  const ctx = {
    store: {
      conversations: {
        rostersOf: async (ids: string[]) => ids.map((id) => ({ id, seq: 1, participants: ['sender', 'reader'] })),
      },
      memberships: {
        deliveredIn: async () => [],
        raise: (moves: WatermarkMove[]) => noted(`raise ${moves.length}`, options.raise),
      },
    },
    publisher: { publish: async () => ({ instances: 1 }) },
    log: { debug() {}, info() {}, error() {}, warn: (_fields: unknown, message: string) => warnings.push(message) },
  } as unknown as WorkerContext;
  await createReceiptProcessor(ctx, consumer, new AbortController().signal).run();
  return { steps, warnings };
}

test('entries are kept from other workers after each part of a batch, and acknowledged after all of them', async () => {
  const { steps, warnings } = await workOn({});
  expect(steps).toEqual(['raise 200', 'keep', 'raise 100', 'keep', 'acknowledge 300']);
  expect(warnings).toEqual([]);
});

test('a try that fails is no reason for others to leave the batch to this worker', async () => {
  let tries = 0;
  const raise = async () => {
    if (++tries === 1) throw new ChatError('UNAVAILABLE');
  };
  const { steps } = await workOn({ raise });
  expect(steps).toEqual(['raise 200', 'raise 200', 'keep', 'raise 100', 'keep', 'acknowledge 300']);
});

test('a batch goes on where its entries cannot be kept, and the log says that they may be applied twice', async () => {
  const { steps, warnings } = await workOn({ keep: () => Promise.reject(new Error('Redis is away')) });
  expect(steps.at(-1)).toBe('acknowledge 300');
  expect(warnings).toEqual(Array(2).fill(expect.stringContaining('may be applied twice')));
});
