import { ChatError } from '@confab/contracts';
import { expect, it } from 'vitest';
import { SendLanes } from './send-lanes.ts';

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

it('runs one conversation in order, and others meanwhile', async () => {
  const lanes = new SendLanes();
  const order: string[] = [];
  const first = gate();
  const a1 = lanes.run('a', async () => {
    await first.opened;
    order.push('a1');
  });
  const a2 = lanes.run('a', async () => void order.push('a2'));
  await lanes.run('b', async () => void order.push('b1'));
  first.open();
  await Promise.all([a1, a2]);
  expect(order).toEqual(['b1', 'a1', 'a2']);
});

it('goes on after a failure, which only its own caller sees', async () => {
  const lanes = new SendLanes();
  const failing = lanes.run('a', () => Promise.reject(new ChatError('RATE_LIMITED')));
  const next = lanes.run('a', async () => 'stored');
  await expect(failing).rejects.toThrow(ChatError);
  expect(await next).toBe('stored');
});

it('refuses the 33rd that would wait, and takes more once some are done', async () => {
  const lanes = new SendLanes();
  const first = gate();
  const waiting = Array.from({ length: 32 }, () => lanes.run('a', () => first.opened));
  await expect(lanes.run('b', async () => {})).rejects.toMatchObject({ code: 'OVERLOADED', retryAfter: 1 });
  first.open();
  await Promise.all(waiting);
  await lanes.run('b', async () => {});
});
