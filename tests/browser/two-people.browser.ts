import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bubble, openAs, openConversation, type Person, texts, write } from './browser.ts';
import { type ChatServer, startChatServer } from './chat-server.ts';

let server: ChatServer;
let ana: Person;
let ben: Person;

beforeAll(async () => {
  server = await startChatServer();
  await server.conversation('ana-lima', 'ben-osei');
  [ana, ben] = await Promise.all([openAs(server, 'ana-lima'), openAs(server, 'ben-osei')]);
});
afterAll(async () => {
  await Promise.all([ana?.close(), ben?.close()]);
  await server?.stop();
});

const ticks = (person: Person, text: string) => bubble(person.page, text).locator('.ticks').getAttribute('data-state');

test('two people chat, and see each other type', async () => {
  await openConversation(ana.page, 'Ben Osei');
  await openConversation(ben.page, 'Ana Lima');
  await write(ana.page, 'Good morning, Ben');
  await bubble(ben.page, 'Good morning, Ben').waitFor();
  await ben.page.locator('.composer-field').pressSequentially('Good', { delay: 20 });
  await ana.page.getByText('Ben Osei is typing…').waitFor();
  await write(ben.page, 'Good morning, Ana');
  await bubble(ana.page, 'Good morning, Ana').waitFor();
  await ana.page.getByText('Ben Osei is typing…').waitFor({ state: 'detached' });
  expect(await texts(ana.page)).toEqual(['Good morning, Ben', 'Good morning, Ana']);
  expect(await texts(ben.page)).toEqual(['Good morning, Ben', 'Good morning, Ana']);
});

test('ticks go from one grey to two grey to two blue', async () => {
  // What Ben has seen so far is known: reads are gathered for a moment.
  await eventually(async () => expect(await ticks(ana, 'Good morning, Ben')).toBe('read'));
  await ben.close();
  await write(ana.page, 'Are you there?');
  await eventually(async () => expect(await ticks(ana, 'Are you there?')).toBe('sent'));
  // Ben is online again, but looks at the list only: delivered.
  ben = await openAs(server, 'ben-osei');
  await eventually(async () => expect(await ticks(ana, 'Are you there?')).toBe('delivered'));
  const colour = () =>
    bubble(ana.page, 'Are you there?')
      .locator('.ticks')
      .evaluate((e) => getComputedStyle(e).backgroundColor);
  const grey = await colour();
  await ben.page.locator('.conversation-row .badge').getByText('1').waitFor();
  await openConversation(ben.page, 'Ana Lima');
  await eventually(async () => expect(await ticks(ana, 'Are you there?')).toBe('read'));
  expect(await colour()).not.toBe(grey);
  await ben.page.locator('.conversation-row .badge').waitFor({ state: 'detached' });
});

test('one loses the network in mid conversation and comes back: no gap, no double', async () => {
  const said: string[] = [];
  const say = async (person: Person, text: string) => {
    said.push(text);
    await write(person.page, text);
  };
  await say(ana, 'before the tunnel');
  await bubble(ben.page, 'before the tunnel').waitFor();
  await ben.context.setOffline(true);
  await ben.page.getByText('You are offline.').waitFor();
  for (let n = 1; n <= 5; n++) await say(ana, `ana in the meantime ${n}`);
  // Stored. Perhaps delivered as well, to a socket of which the server does not know yet that it is dead.
  await eventually(async () => expect(await ticks(ana, 'ana in the meantime 5')).toMatch(/sent|delivered/), 20_000);
  for (let n = 1; n <= 3; n++) await say(ben, `ben in the tunnel ${n}`);
  await bubble(ben.page, 'ben in the tunnel 3').locator('.ticks[data-state=queued]').waitFor();
  await ben.context.setOffline(false);
  for (const person of [ana, ben]) await bubble(person.page, 'ben in the tunnel 3').locator('time').waitFor();
  await eventually(async () => {
    const [atAna, atBen] = await Promise.all([texts(ana.page), texts(ben.page)]);
    expect(atAna.slice(-9)).toEqual(said);
    expect(atBen).toEqual(atAna);
  }, 15_000);
  await ben.page.getByText('You are offline.').waitFor({ state: 'detached' });
});

test('the server dies in mid conversation and comes back: what was written goes out once', async () => {
  const before = await texts(ana.page);
  await server.process.kill();
  await write(ana.page, 'written while it was down');
  await bubble(ana.page, 'written while it was down').locator('.ticks[data-state=queued]').waitFor();
  await server.process.restart({ PORT: new URL(server.url).port });
  await bubble(ben.page, 'written while it was down').waitFor({ timeout: 30_000 });
  await eventually(async () => expect(await ticks(ana, 'written while it was down')).toBe('read'), 20_000);
  expect(await texts(ana.page)).toEqual([...before, 'written while it was down']);
  expect(await texts(ben.page)).toEqual([...before, 'written while it was down']);
});

test('a reload in a dead zone keeps what was not sent', async () => {
  await ana.page.evaluate(() => dispatchEvent(new Event('offline')));
  await write(ana.page, 'survives a reload');
  await ana.page.reload();
  await bubble(ben.page, 'survives a reload').waitFor();
  await eventually(async () => expect(await ticks(ana, 'survives a reload')).toBe('read'));
  expect((await texts(ben.page)).filter((text) => text === 'survives a reload')).toHaveLength(1);
});

test('a deletion shows on the other side; a deletion for oneself does not', async () => {
  await write(ana.page, 'for nobody');
  await write(ana.page, 'not for ana');
  await bubble(ben.page, 'not for ana').waitFor();
  const remove = async (text: string, action: string) => {
    const row = bubble(ana.page, text);
    await row.hover();
    await row.getByLabel('More about this message').click();
    await ana.page.getByRole('menuitem', { name: action }).click();
    await ana.page.getByRole('dialog').getByRole('button', { name: action }).click();
    await ana.page.getByRole('dialog').waitFor({ state: 'detached' });
  };
  await remove('for nobody', 'Delete for everyone');
  await bubble(ben.page, 'This message was deleted').waitFor();
  expect(await bubble(ben.page, 'for nobody').count()).toBe(0);
  await bubble(ana.page, 'You deleted this message').waitFor();
  await remove('not for ana', 'Delete for me');
  await bubble(ana.page, 'not for ana').waitFor({ state: 'detached' });
  expect(await bubble(ben.page, 'not for ana').count()).toBe(1);
  await ana.page.reload();
  await bubble(ana.page, 'You deleted this message').waitFor();
  expect(await bubble(ana.page, 'not for ana').count()).toBe(0);
});

test('a reply shows what it replies to, and jumps there', async () => {
  const old = bubble(ben.page, 'Good morning, Ben');
  await old.hover();
  await old.getByLabel('Reply', { exact: true }).click();
  await ben.page.locator('.reply-draft', { hasText: 'Good morning, Ben' }).waitFor();
  await write(ben.page, 'a late answer');
  const reply = bubble(ana.page, 'a late answer');
  await reply.locator('.reply-preview', { hasText: 'Good morning, Ben' }).click();
  await ana.page.locator('.message-row.flashed', { hasText: 'Good morning, Ben' }).waitFor();
});

test('texts are never HTML, and links are safe', async () => {
  const text =
    '<img src=x onerror="window.hacked=1"> https://example.com/a?b=1 javascript:alert(1) https://bank.example@evil.example/';
  await write(ana.page, text);
  const row = bubble(ben.page, 'onerror');
  await row.waitFor();
  expect(await texts(ben.page)).toContain(text);
  expect(await row.locator('img').count()).toBe(0);
  const links = await row
    .locator('a')
    .evaluateAll((all) => all.map((a) => [a.getAttribute('href'), a.getAttribute('rel')]));
  expect(links).toEqual([['https://example.com/a?b=1', 'noopener noreferrer nofollow ugc']]);
  expect(await ben.page.evaluate(() => 'hacked' in window)).toBe(false);
});

test('presence follows the other person', async () => {
  const header = ana.page.locator('.conversation-header');
  await header.getByText('Online').waitFor();
  await ben.close();
  await header.getByText('Last seen').waitFor({ timeout: 15_000 });
  ben = await openAs(server, 'ben-osei');
  await header.getByText('Online').waitFor();
});

test('nothing went wrong on either page', () => {
  expect(ana.problems).toEqual([]);
  expect(ben.problems).toEqual([]);
});
