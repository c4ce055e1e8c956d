import type { InboxMeta } from '@confab/contracts';
import { expect, test } from 'vitest';
import { decodeInboxEntry } from './entry-codec.ts';
import { PACK_BYTES, PACK_EVENTS, packEvents } from './event-packs.ts';

const eventOf = (seq: number, payload = '{}', recipients = ['u']) => ({
  metaOf: (v: number): InboxMeta => ({ v, id: `e${seq}`, at: 0, traceId: 't', event: 'new:message', to: ['u'], seq }),
  payloads: [payload],
  recipients,
});
/** Events that share a meta. */
const seriesOf = (seq: number, payloads: string[]) => ({ ...eventOf(seq), payloads });
const seqsOf = (fields: string[]) => decodeInboxEntry(fields).events.map(({ meta }) => meta.seq);

test('a single event is an entry that every version reads', () => {
  const [entry = [], ...others] = packEvents([eventOf(1, '{"a":1}')]);
  expect(others).toEqual([]);
  expect(decodeInboxEntry(entry)).toEqual({ events: [{ meta: eventOf(1).metaOf(1), payload: '{"a":1}' }] });
  expect(packEvents([])).toEqual([]);
});

test('several go into one entry in order, marked as too new for a reader that would see only the last', () => {
  const [entry = []] = packEvents([1, 2, 3].map((seq) => eventOf(seq)));
  expect(seqsOf(entry)).toEqual([1, 2, 3]);
  expect(decodeInboxEntry(entry).events.map(({ meta }) => meta.v)).toEqual([2, 2, 2]);
});

test('events that share a meta go with one, marked as too new for a reader that would see only the last of them', () => {
  const [entry = []] = packEvents([eventOf(1), seriesOf(2, ['{"a":1}', '{"a":2}', '{"a":3}']), eventOf(5)]);
  expect(entry.filter((_, i) => i % 2 === 0).join('')).toBe('mpmpppmp');
  const { events, problem } = decodeInboxEntry(entry);
  expect(problem).toBeUndefined();
  expect(events.map(({ meta, payload }) => [meta.v, meta.seq, payload])).toEqual([
    [2, 1, '{}'],
    [3, 2, '{"a":1}'],
    [3, 2, '{"a":2}'],
    [3, 2, '{"a":3}'],
    [2, 5, '{}'],
  ]);
  expect(decodeInboxEntry(['p', '{}', ...entry]).events).toEqual(events);
});

test('a series that is too long for an entry goes on in the next, with its meta', () => {
  const payloads = Array.from({ length: PACK_EVENTS + 2 }, (_, i) => `{"a":${i}}`);
  const entries = packEvents([eventOf(1), seriesOf(2, payloads)]).map((entry) => decodeInboxEntry(entry).events);
  expect(entries.map((events) => events.length)).toEqual([PACK_EVENTS, 3]);
  expect(entries.flat().map(({ payload }) => payload)).toEqual(['{}', ...payloads]);
  const long = seriesOf(
    1,
    ['x', 'y', 'z'].map((letter) => `{"a":"${letter.repeat(PACK_BYTES / 2)}"}`),
  );
  const [first, , last = []] = packEvents([long]);
  expect(first?.filter((_, i) => i % 2 === 0).join('')).toBe('mp');
  // A single one, which every version reads.
  expect(decodeInboxEntry(last).events.map(({ meta }) => meta.v)).toEqual([1]);
});

test('an entry has bounds of number and size; what is larger by itself goes alone', () => {
  const many = packEvents(Array.from({ length: PACK_EVENTS * 2 + 1 }, (_, i) => eventOf(i)));
  expect(many.map((entry) => seqsOf(entry).length)).toEqual([PACK_EVENTS, PACK_EVENTS, 1]);
  const half = `{"a":"${'x'.repeat(PACK_BYTES / 2)}"}`;
  const huge = `{"a":"${'x'.repeat(PACK_BYTES)}"}`;
  const sized = packEvents([eventOf(1), eventOf(2, half), eventOf(3, half), eventOf(4, huge), eventOf(5), eventOf(6)]);
  expect(sized.map(seqsOf)).toEqual([[1, 2], [3], [4], [5, 6]]);
  const crowd = Array.from({ length: 2_000 }, (_, i) => `user-${i}`);
  expect(packEvents([eventOf(1), eventOf(2, '{}', crowd), eventOf(3)]).map(seqsOf)).toEqual([[1], [2], [3]]);
  const wide = `{"a":"${'漢'.repeat(PACK_BYTES / 6)}"}`;
  expect(packEvents([eventOf(1, wide), eventOf(2, wide)]).map(seqsOf)).toEqual([[1], [2]]);
});

test('what is not readable in an entry takes nothing else with it', () => {
  const [entry = []] = packEvents([1, 2, 3].map((seq) => eventOf(seq)));
  const broken = entry.with(5, '{"v":9,"min":9}');
  expect(seqsOf(broken)).toEqual([1, 3]);
  expect(decodeInboxEntry(broken).problem).toContain('version 9');
  expect(seqsOf([...entry, 'x', 'a field of a newer version'])).toEqual([1, 2, 3]);
  expect(decodeInboxEntry(entry.slice(0, -2)).problem).toBe('it has no payload');
  expect(decodeInboxEntry(null)).toMatchObject({ events: [], problem: expect.any(String) });
});
