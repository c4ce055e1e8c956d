import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  axeViolations,
  bubble,
  openAs,
  openBrowser,
  openConversation,
  type Person,
  screenshot,
  type ThemeName,
  write,
} from './browser.ts';
import { type ChatServer, startChatServer } from './chat-server.ts';

let server: ChatServer;
let ben: Person;

const PICTURE = 'https://images.example.com/harbour.jpg';

beforeAll(async () => {
  server = await startChatServer();
  await furnish(server);
  ben = await openAs(server, 'ben-osei', { width: 400, height: 600 });
});
afterAll(async () => {
  await ben?.close();
  await server?.stop();
});

/** A few conversations with a bit of everything. */
async function furnish({ conversation, send }: ChatServer): Promise<void> {
  const withBen = await conversation('ana-lima', 'ben-osei');
  const withCarla = await conversation('carla-fernandes', 'ana-lima');
  const withDev = await conversation('dev-patel', 'ana-lima');
  await conversation('ana-lima', 'eva-marie-strand');
  await send('carla-fernandes', withCarla, 'Can you look at the draft before noon?');
  await send('carla-fernandes', withCarla, 'It is in the shared folder, the one called “Autumn, final, really final”');
  await send('ana-lima', withDev, 'Thanks, that helped a lot!');
  await send('ben-osei', withBen, 'Morning! Did the delivery arrive?');
  const question = await send(
    'ana-lima',
    withBen,
    'It did, an hour ago. Everything is there apart from the two lamps.',
  );
  await send('ana-lima', withBen, 'They promise them for Thursday.');
  await send('ben-osei', withBen, 'Good. Then we can open on Friday as planned', { replyTo: question });
  await send('ben-osei', withBen, 'The list of guests is here: https://example.com/guests?list=opening#friday', {});
  const media = [{ url: PICTURE, type: 'image', filename: 'harbour.jpg', size: 240_000 }];
  await send('ben-osei', withBen, 'And this is the view from the terrace', { media, messageType: 'image' });
  const plan = [
    { url: 'https://files.example.com/seating-plan.pdf', type: 'file', filename: 'seating-plan.pdf', size: 1_240_000 },
  ];
  await send('ana-lima', withBen, '', { media: plan, messageType: 'file', text: undefined });
  await send('ana-lima', withBen, 'مرحبا بن، هذا نص من اليمين إلى اليسار');
  await send('ana-lima', withBen, '🎉');
}

/** The outside world of these pictures: one image, drawn here. */
async function serveMedia(person: Person): Promise<void> {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="800" height="600"><defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#f6b26b"/><stop offset="1" stop-color="#6fa8dc"/></linearGradient></defs><rect width="800" height="600" fill="url(#s)"/><path d="M0 420 L180 300 L320 400 L520 250 L800 430 V600 H0Z" fill="#3d5a80"/><circle cx="610" cy="150" r="52" fill="#fff3d6"/></svg>';
  await person.context.route('https://images.example.com/**', (route) =>
    route.fulfill({ contentType: 'image/svg+xml', body: svg }),
  );
}

const SIZES = [
  { name: '360', width: 360, height: 740, touch: true },
  { name: '1440', width: 1440, height: 900, touch: false },
];
const THEMES: ThemeName[] = ['light', 'dark'];

describe.each(SIZES)('at $name px', (size) => {
  describe.each(THEMES)('in the %s theme', (theme) => {
    let ana: Person;
    const picture = (name: string) => screenshot(ana.page, `${name}-${size.name}-${theme}`);
    const check = async (name: string) => {
      await picture(name);
      expect(await axeViolations(ana.page)).toEqual([]);
      expect(await ana.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    };

    beforeAll(async () => {
      ana = await openAs(server, 'ana-lima', { ...size, theme });
      await serveMedia(ana);
    });
    afterAll(() => ana?.close());

    test('signing in', async () => {
      const visitor = await openBrowser({ ...size, theme });
      await visitor.page.goto(server.url);
      await visitor.page.locator('.demo-user, .token-form').first().waitFor();
      await screenshot(visitor.page, `sign-in-${size.name}-${theme}`);
      expect(await axeViolations(visitor.page)).toEqual([]);
      await visitor.close();
    });

    test('the list of conversations', async () => {
      await ana.page.locator('.conversation-row', { hasText: 'Dev Patel' }).waitFor();
      await check('conversations');
    });

    test('a search', async () => {
      await ana.page.getByRole('searchbox').fill('autumn');
      expect(await ana.page.locator('.conversation-nav .conversation-row').count()).toBe(1);
      await check('search');
      await ana.page.getByRole('searchbox').fill('');
    });

    test('a conversation', async () => {
      await openConversation(ana.page, 'Ben Osei');
      await bubble(ana.page, '🎉').waitFor();
      await ana.page.locator('.attachment-image img').evaluate((image: HTMLImageElement) => image.decode());
      await openConversation(ben.page, 'Ana Lima');
      await ben.page.locator('.composer-field').pressSequentially('Lovely', { delay: 10 });
      await ana.page.getByText('Ben Osei is typing…').waitFor();
      await check('conversation');
      await ben.page.getByLabel('Back to all conversations').click();
    });

    test('the menu of a message, and the question before a deletion', async () => {
      const row = ana.page.locator('.message-row[data-seq="3"]');
      await row.hover();
      await row.getByLabel('More about this message').click();
      await ana.page.getByRole('menu').waitFor();
      await check('menu');
      await ana.page.getByRole('menuitem', { name: 'Delete for everyone' }).click();
      await check('delete');
      await ana.page.getByRole('button', { name: 'Cancel' }).click();
      await ana.page.getByRole('dialog').waitFor({ state: 'detached' });
    });

    test('a reply being written, offline', async () => {
      const row = ana.page.locator('.message-row[data-seq="3"]');
      await row.getByLabel('More about this message').click();
      await ana.page.getByRole('menuitem', { name: 'Reply' }).click();
      await ana.context.setOffline(true);
      await ana.page.getByText('You are offline.').waitFor();
      await write(ana.page, 'This one waits for the network');
      await row.getByLabel('More about this message').click();
      await ana.page.getByRole('menuitem', { name: 'Reply' }).click();
      await ana.page.locator('.composer-field').fill('Two lines of an answer\nthat is not finished');
      await check('offline');
      await ana.context.setOffline(false);
      await ana.page.getByText('You are offline.').waitFor({ state: 'detached' });
      await bubble(ana.page, 'This one waits for the network').locator('.ticks:not([data-state=queued])').waitFor();
      expect(ana.problems).toEqual([]);
    });
  });
});

test('everything can be done with the keyboard', async () => {
  const ana = await openAs(server, 'ana-lima');
  const { page } = ana;
  const focused = () =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
    );
  const tabTo = async (part: string) => {
    for (let presses = 0; presses < 30; presses++) {
      await page.keyboard.press('Tab');
      if ((await focused()).includes(part)) return;
    }
    throw new Error(`Tab does not reach ${part}; it is at ${await focused()}`);
  };
  await page.locator('.conversation-row', { hasText: 'Ben Osei' }).waitFor();
  await tabTo('Search conversations');
  await page.keyboard.type('ben');
  await tabTo('Ben Osei');
  await page.keyboard.press('Enter');
  await page.locator('.message-row').first().waitFor();
  await tabTo('Messages with Ben Osei');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  expect(await page.evaluate(() => document.activeElement?.classList.contains('message-row'))).toBe(true);
  await page.keyboard.press('Enter');
  expect(await focused()).toContain('Reply');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await page.locator('.reply-draft').waitFor();
  await page.keyboard.type('written without a mouse');
  await page.keyboard.press('Enter');
  await bubble(page, 'written without a mouse').locator('.reply-preview').waitFor();
  await ana.close();
});
