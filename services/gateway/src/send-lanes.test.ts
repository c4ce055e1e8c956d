import { ChatError } from '@confab/contracts';
import { expect, it } from 'vitest';
import { SendLanes } from './send-lanes.ts';

type Outcomes = PromiseSettledResult<string>[];
const stored = (sends: string[]): Outcomes => sends.map((send) => ({ status: 'fulfilled', value: `id-${send}` }));

/** Lanes whose calls end when the test says so. */
function held() {
  const lanes = new SendLanes<string, string>();
  const calls: { sends: string[]; end(outcomes?: Outcomes): void }[] = [];
  const together = (sends: string[]) =>
    new Promise<Outcomes>((resolve) => calls.push({ sends, end: (outcomes = stored(sends)) => resolve(outcomes) }));
  const run = (conversationId: string, send: string) => lanes.run(conversationId, send, together);
  return { run, calls, sendsOf: () => calls.map(({ sends }) => sends) };
}

it('sends a lone one at once, what comes meanwhile together and in order after it, and other conversations meanwhile', async () => {
  const { run, calls, sendsOf } = held();
  const sent = ['a1', 'a2', 'a3'].map((send) => run('a', send));
  const other = run('b', 'b1');
  expect(sendsOf()).toEqual([['a1'], ['b1']]);
  calls[1]?.end();
  expect(await other).toBe('id-b1');
  calls[0]?.end();
  expect(await sent[0]).toBe('id-a1');
  await expect.poll(sendsOf).toEqual([['a1'], ['b1'], ['a2', 'a3']]);
  const last = run('a', 'a4');
  calls[2]?.end();
  expect(await Promise.all(sent)).toEqual(['id-a1', 'id-a2', 'id-a3']);
  await expect.poll(() => calls.length).toBe(4);
  calls[3]?.end();
  expect(await last).toBe('id-a4');
});

it('tells each of its own failure, and goes on after it', async () => {
  const { run, calls } = held();
  const sent = Promise.allSettled(['a1', 'a2', 'a3'].map((send) => run('a', send)));
  calls[0]?.end([{ status: 'rejected', reason: new ChatError('RATE_LIMITED') }]);
  await expect.poll(() => calls.length).toBe(2);
  calls[1]?.end([stored(['a2'])[0] as never, { status: 'rejected', reason: new ChatError('NOT_FOUND') }]);
  expect(await sent).toMatchObject([
    { reason: { code: 'RATE_LIMITED' } },
    { value: 'id-a2' },
    { reason: { code: 'NOT_FOUND' } },
  ]);
});

it('tells all of a call that was refused, and goes on after it', async () => {
  const lanes = new SendLanes<string, string>();
  const refuse = () => Promise.reject(new ChatError('OVERLOADED', { retryAfter: 1 }));
  const first = lanes.run('a', 'a1', refuse);
  const second = lanes.run('a', 'a2', async () => []);
  await expect(first).rejects.toMatchObject({ code: 'OVERLOADED' });
  await expect(second).rejects.toMatchObject({ code: 'OVERLOADED' });
  expect(await lanes.run('a', 'a3', async (sends) => stored(sends))).toBe('id-a3');
});

it('refuses the 33rd that would wait, and takes more once some are done', async () => {
  const { run, calls } = held();
  const sent = Array.from({ length: 32 }, (_, i) => run('a', `a${i}`));
  await expect(run('b', 'b1')).rejects.toMatchObject({ code: 'OVERLOADED', retryAfter: 1 });
  calls[0]?.end();
  await expect.poll(() => calls.length).toBe(2);
  expect(calls[1]?.sends.length).toBe(31);
  calls[1]?.end();
  await Promise.all(sent);
  const later = run('b', 'b1');
  calls[2]?.end();
  expect(await later).toBe('id-b1');
});
