import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bubble, openAs, openConversation, type Person, texts, write } from './browser.ts';
import { type ChatServer, startChatServer } from './chat-server.ts';

let server: ChatServer;
let ana: Person;
let conversationId: string;

beforeAll(async () => {
  server = await startChatServer({ MESSAGES_PER_MINUTE: '5' });
  conversationId = await server.conversation('ana-lima', 'ben-osei');
  ana = await openAs(server, 'ana-lima');
  await openConversation(ana.page, 'Ben Osei');
});
afterAll(async () => {
  await ana?.close();
  await server?.stop();
});

test('a message that the server refuses for good says so, and can be discarded', async () => {
  const replyTo = await server.send('ben-osei', conversationId, 'about to vanish');
  await bubble(ana.page, 'about to vanish').hover();
  await bubble(ana.page, 'about to vanish').getByLabel('Reply', { exact: true }).click();
  // Gone for Ana by another device of hers, while this one is writing its answer.
  await ana.page.context().setOffline(true);
  await fetch(`${server.url}/api/chat/message/${replyTo}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${server.token('ana-lima')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ deleteForEveryone: false }),
  });
  await write(ana.page, 'an answer to nothing');
  await ana.page.context().setOffline(false);
  const row = bubble(ana.page, 'an answer to nothing');
  await row.getByText('Not sent').waitFor();
  await row.getByRole('button', { name: 'Retry' }).click();
  await row.getByText('Not sent').waitFor();
  await row.getByRole('button', { name: 'Discard' }).click();
  await row.waitFor({ state: 'detached' });
});

test('a rate limit is counted down, and what was written goes out by itself', async () => {
  for (let n = 1; n <= 8; n++) await write(ana.page, `quick ${n}`);
  const notice = ana.page.locator('.limit-notice');
  await notice.waitFor();
  const seconds = async () => Number(/(\d+) s/.exec((await notice.textContent()) ?? '')?.[1]);
  const first = await seconds();
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThanOrEqual(60);
  await eventually(async () => expect(await seconds()).toBeLessThan(first), 10_000);
  expect(await bubble(ana.page, 'quick 8').locator('.ticks').getAttribute('data-state')).toBe('queued');
  await bubble(ana.page, 'quick 8').locator('.ticks[data-state=sent]').waitFor({ timeout: 100_000 });
  await notice.waitFor({ state: 'detached' });
  expect((await texts(ana.page)).filter((text) => text.startsWith('quick'))).toEqual(
    Array.from({ length: 8 }, (_, index) => `quick ${index + 1}`),
  );
});

test('nothing but white space is not sent, and neither is too long a text', async () => {
  const send = ana.page.getByRole('button', { name: 'Send' });
  await ana.page.locator('.composer-field').fill('  \n ');
  expect(await send.isDisabled()).toBe(true);
  await ana.page.locator('.composer-field').fill('x'.repeat(10_001));
  expect(await send.isDisabled()).toBe(true);
  await ana.page.getByText('10001 of 10000 characters').waitFor();
  expect(ana.problems).toEqual([]);
});
