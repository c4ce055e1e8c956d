import type { Message, SendMessageBody } from '@confab/contracts';
import { expect, test } from 'vitest';
import type { ChatContext } from './context.ts';
import { sendInWave } from './send-waves.ts';

const body: SendMessageBody = { conversationId: '0'.repeat(24), text: 'hello' };
const stored = {} as Message;

/** A place for waves of its own, and what has started there. */
function place() {
  const store = {} as ChatContext['store'];
  const started: string[] = [];
  const send = (name: string, until: Promise<unknown> = Promise.resolve(), about: Partial<SendMessageBody> = {}) =>
    sendInWave(store, { ...body, ...about }, async () => {
      started.push(name);
      await until;
      return stored;
    });
  return { started, send };
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

test('sends with more steps go by themselves', async () => {
  const { started, send } = place();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const reply = send('reply', held, { replyTo: '1'.repeat(24) });
  const media = send('media', held, { media: [{ type: 'image', url: 'https://example.com/a.png' }] as never });
  expect(started).toEqual(['reply', 'media']);
  release();
  await Promise.all([reply, media]);
});
