import { describe, expect, test } from 'vitest';
import { commandFor, parseArguments } from '../arguments.ts';
import { percentile } from '../figures.ts';
import { Ledger } from '../ledger.ts';
import { createRandom } from '../random.ts';
import { StatusWatch } from '../status-watch.ts';
import { checkHistory, type ShownMessage } from './history.ts';

/** A ledger in which alice was promised `count` messages, and a history that has them. */
function promised(count: number) {
  const ledger = new Ledger();
  const history: ShownMessage[] = [];
  for (let seq = 1; seq <= count; seq++) {
    const clientMessageId = `c${seq}`;
    ledger.begin({ clientMessageId, conversationId: 'k', senderId: 'alice', way: 'rest' });
    ledger.acknowledge(clientMessageId, { messageId: `m${seq}`, seq });
    const message = { _id: `m${seq}`, seq, clientMessageId, senderId: { _id: 'alice' }, status: 'sent' as const };
    history.push({ ...message, text: '', deletedAt: null });
  }
  return { ledger, history, problems: (shown = history) => checkHistory(shown, 'k', ledger) };
}

describe('invariant A', () => {
  test('holds where everything that was promised is there once, in order', () => {
    expect(promised(3).problems()).toEqual([]);
  });

  test('sees a message that was acknowledged and is gone', () => {
    const { history, problems } = promised(3);
    expect(problems(history.filter(({ seq }) => seq !== 2))).toEqual([
      'c2 was acknowledged as m2 and is not in history',
    ]);
  });

  test('sees one that is there twice, under the same id or another one', () => {
    const { history, problems } = promised(1);
    const [message] = history as [ShownMessage];
    expect(problems([message, { ...message, seq: 2 }]).join()).toContain('message m1 is in history twice');
    expect(problems([message, { ...message, seq: 2, _id: 'other' }])).toEqual([
      'client id alice c1 is in history twice',
    ]);
  });

  test('sees a seq that is not the promised one, and an order that is none', () => {
    const { history, problems } = promised(2);
    const [first, second] = history as [ShownMessage, ShownMessage];
    expect(problems([second, first])).toEqual(['seq 1 comes after 2']);
    expect(problems([first, { ...second, seq: 3 }])).toEqual(['m2 was acknowledged with seq 2 and has 3']);
  });

  test('sees two acks of one client id that name different messages', () => {
    const { ledger } = promised(1);
    ledger.acknowledge('c1', { messageId: 'm1', seq: 1 });
    expect(ledger.contradictions).toEqual([]);
    ledger.acknowledge('c1', { messageId: 'm9', seq: 9 });
    expect(ledger.contradictions).toHaveLength(1);
  });
});

describe('invariant C', () => {
  test('sees a page that shows less than was shown before it was asked for', () => {
    const watch = new StatusWatch();
    watch.shown('m1', 'read', performance.now());
    watch.shown('m1', 'delivered', performance.now() + 1);
    expect(watch.regressions).toHaveLength(1);
  });

  test('leaves a page alone that was asked for before the higher status was seen, and an event that comes late', () => {
    const watch = new StatusWatch();
    const askedAt = performance.now();
    watch.told('m1', 'delivered');
    watch.shown('m1', 'sent', askedAt);
    watch.shown('m2', 'read', askedAt);
    watch.told('m2', 'delivered');
    expect(watch.regressions).toEqual([]);
  });
});

test('the same seed makes the same decisions', () => {
  const decisions = (seed: number) => {
    const random = createRandom(seed);
    return [random.next(), random.between(1, 100), random.pick(['a', 'b', 'c']), random.shuffle([1, 2, 3, 4])];
  };
  expect(decisions(42)).toEqual(decisions(42));
  expect(decisions(42)).not.toEqual(decisions(43));
});

test('the command that is printed runs the same again', () => {
  const args = parseArguments(['--rows', '1,4,9', '--minutes', '5', '--seed', '42', '--apis', '3'], [1, 4, 9]);
  const command = commandFor(args, [4]);
  expect(parseArguments(command.split(' ').slice(4), [4])).toEqual({ ...args, rows: [4] });
  expect(() => parseArguments(['--gateways', '1'], [])).toThrow('--gateways');
});

test('percentiles are of the values themselves', () => {
  const values = Array.from({ length: 100 }, (_, i) => i + 1);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile([7], 0.5)).toBe(7);
  expect(percentile([], 0.99)).toBe(0);
});
