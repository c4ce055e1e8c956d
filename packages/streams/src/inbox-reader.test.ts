import type { InboxBatch } from '@confab/chat';
import type { RedisConnection } from '@confab/redis';
import { expect, it } from 'vitest';
import { RedisInboxReader } from './inbox-reader.ts';

type RawEntry = [id: string, fields: string[]];

/** An entry with as many events, each to as many users. */
function entry(n: number, events: number, recipients: number): RawEntry {
  const to = Array.from({ length: recipients }, (_, i) => `u${i}`);
  const meta = JSON.stringify({ v: 1, id: `e${n}`, at: 1, traceId: 't', event: 'new:message', to });
  return [`1-${n + 1}`, Array.from({ length: events }, () => ['m', meta, 'p', '{}']).flat()];
}

/** The batches of one read. */
async function batchesOf(entries: RawEntry[]): Promise<InboxBatch[]> {
  const connection = {
    keys: { inbox: () => 'inbox' },
    log: { warn() {} },
    ready: async () => {},
    run: async (command: (client: unknown) => unknown) => command({ xread: () => [['inbox', entries]] }),
    close: async () => {},
  };
  const reader = new RedisInboxReader(connection as unknown as RedisConnection, { instance: () => 'g.1' });
  const batches: InboxBatch[] = [];
  const expected = entries.reduce((sum, [, fields]) => sum + fields.length / 4, 0);
  for await (const batch of reader) {
    batches.push(batch);
    if (batches.reduce((sum, { entries }) => sum + entries.length, 0) >= expected) break;
  }
  return batches;
}

const deliveriesOf = ({ entries }: InboxBatch) => entries.reduce((sum, { meta }) => sum + meta.to.length, 0);

it('makes one batch of a read, up to 4,000 deliveries', async () => {
  const entries = Array.from({ length: 500 }, (_, i) => entry(i + 1, 8, 1));
  expect((await batchesOf(entries)).map(deliveriesOf)).toEqual([4_000]);
});

it('makes several where events go to many, in order and without a gap', async () => {
  const batches = await batchesOf(Array.from({ length: 100 }, (_, i) => entry(i + 1, 8, 100)));
  expect(Math.max(...batches.map(deliveriesOf))).toBeLessThanOrEqual(4_000 + 8 * 100);
  const positions = batches.flatMap(({ entries }) => entries.map(({ position }) => position));
  expect(positions).toEqual(Array.from({ length: 800 }, (_, i) => Math.floor(i / 8) + 1));
  expect(batches.some(({ gap }) => gap)).toBe(false);
});
