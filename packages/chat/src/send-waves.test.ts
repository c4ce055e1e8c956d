import type { Message } from '@confab/contracts';
import { expect, test } from 'vitest';
import type { ChatContext } from './context.ts';
import { isPlain, openWaveCall } from './send-waves.ts';

const stored = {} as Message;

/** A place for waves of its own, and what has started there. */
function place() {
  const store = {} as ChatContext['store'];
  const started: string[] = [];
  const sendAll = (names: readonly string[], until: Promise<unknown> = Promise.resolve()) => {
    const wave = openWaveCall(store);
    const sent = names.map((name) =>
      wave.add(async () => {
        started.push(name);
        await until;
        return stored;
      }),
    );
    wave.go();
    return sent;
  };
  const send = (name: string, until?: Promise<unknown>) => sendAll([name], until)[0] as Promise<Message>;
  return { started, send, sendAll };
}

test('what comes while a wave is under way starts in one turn after it', async () => {
  const { started, send } = place();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const first = send('first', held);
  await expect.poll(() => started).toEqual(['first']);
  const later = [send('second'), send('third')];
  expect(started).toEqual(['first']);
  release();
  await Promise.all([first, ...later]);
  expect(started).toEqual(['first', 'second', 'third']);
});

test('a send that hangs holds nobody up for long', async () => {
  const { started, send } = place();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const hanging = send('hanging', held);
  await expect.poll(() => started).toEqual(['hanging']);
  await send('next');
  expect(started).toEqual(['hanging', 'next']);
  release();
  await hanging;
});

test('one that fails fails alone', async () => {
  const { started, send } = place();
  const { promise: held, reject: refuse } = Promise.withResolvers<void>();
  const both = Promise.allSettled([send('failing', held), send('other')]);
  await expect.poll(() => started).toEqual(['failing', 'other']);
  refuse(new Error('refused'));
  await expect(both).resolves.toMatchObject([{ status: 'rejected' }, { status: 'fulfilled' }]);
});

test('sends of one call start in one wave, in their order, also where they do not fit into the one before', async () => {
  const { started, send, sendAll } = place();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const first = send('first', held);
  await expect.poll(() => started).toEqual(['first']);
  const names = (name: string) => Array.from({ length: 60 }, (_, i) => `${name}${i}`);
  const later = [...sendAll(names('a'), held), ...sendAll(names('b'), held)];
  await expect.poll(() => started).toEqual(['first', ...names('a'), ...names('b')]);
  release();
  await Promise.all([first, ...later]);
});

test('a reply, and what has media, has more steps than others', () => {
  expect(isPlain({})).toBe(true);
  expect(isPlain({ media: [] })).toBe(true);
  expect(isPlain({ replyTo: '1'.repeat(24) })).toBe(false);
  expect(isPlain({ media: [{ type: 'image', url: 'https://example.com/a.png' }] as never })).toBe(false);
});
