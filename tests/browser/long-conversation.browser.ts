import { eventually } from '@confab/testkit';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bubble, openAs, openConversation, type Person, write } from './browser.ts';
import { type ChatServer, startChatServer } from './chat-server.ts';

const COUNT = 10_000;
const WORDS = 'the quick brown fox jumps over the lazy dog and goes on to tell what happened then '.repeat(6);
/** From a word to a paragraph, the same for the same number. */
const textOf = (seq: number) => `${seq}: ${WORDS.slice(0, 8 + ((seq * 7919) % (seq % 5 === 0 ? 420 : 70)))}`;

let server: ChatServer;
let ana: Person;
let conversationId: string;

beforeAll(async () => {
  server = await startChatServer();
  conversationId = await server.conversation('ana-lima', 'ben-osei');
  await server.seed(conversationId, COUNT, textOf, ['ana-lima', 'ben-osei']);
  ana = await openAs(server, 'ana-lima');
  await openConversation(ana.page, 'Ben Osei');
  await bubble(ana.page, `${COUNT}: `).waitFor();
});
afterAll(async () => {
  await ana?.close();
  await server?.stop();
});

const held = (page: Page) => page.locator('.message-row').first().getAttribute('aria-setsize');
const rendered = (page: Page) => page.locator('.message-row').count();
const height = (page: Page) => page.locator('.message-scroller').evaluate((e) => e.scrollHeight);

test('shows the newest messages, and only the lines that can be seen', async () => {
  const place = await ana.page
    .locator('.message-scroller')
    .evaluate((e) => Math.round(e.scrollHeight - e.scrollTop - e.clientHeight));
  expect(place).toBeLessThanOrEqual(1);
  expect(await rendered(ana.page)).toBeLessThan(90);
});

test('loads older pages while scrolling without a jump', async () => {
  for (let round = 0; round < 6; round++) {
    const before = await height(ana.page);
    // In one step of the page: scroll, and note where a line in the middle of the screen is before anything can have arrived.
    const line = await ana.page.locator('.message-scroller').evaluate(async (scroller) => {
      scroller.scrollTop = 700;
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      const middle = scroller.getBoundingClientRect().top + scroller.clientHeight / 2;
      const rows = [...scroller.querySelectorAll<HTMLElement>('.message-row')];
      const row = rows.find((candidate) => candidate.getBoundingClientRect().bottom > middle)!;
      // Its element stays too: what is focused, selected or played in it is not lost.
      (globalThis as unknown as { lineBefore: Element }).lineBefore = row;
      return { key: row.dataset.key!, top: row.getBoundingClientRect().top };
    });
    await eventually(async () => expect(await height(ana.page)).toBeGreaterThan(before + 500), 10_000);
    const after = await ana.page.evaluate((key) => {
      const row = document.querySelector(`[data-key="${key}"]`);
      const same = row === (globalThis as unknown as { lineBefore: Element }).lineBefore;
      return { same, top: row?.getBoundingClientRect().top ?? Number.NaN };
    }, line.key);
    expect(after.same).toBe(true);
    expect(Math.abs(after.top - line.top)).toBeLessThanOrEqual(2);
  }
});

test('a reply to the very first message jumps to it, through all of the history', async () => {
  const first = await firstMessageId();
  await server.send('ben-osei', conversationId, 'do you remember this?', { replyTo: first });
  await ana.page.getByLabel('Go to the newest messages').click();
  await bubble(ana.page, 'do you remember this?').locator('.reply-preview', { hasText: '1: ' }).click();
  await ana.page.locator('.message-row.flashed[data-seq="1"]').waitFor({ timeout: 60_000 });
  expect(await held(ana.page)).toBe(String(COUNT + 1));
  expect(await rendered(ana.page)).toBeLessThan(90);
});

async function firstMessageId(): Promise<string> {
  const reply = await fetch(`${server.url}/api/chat/conversation/${conversationId}/messages?before=2&limit=1`, {
    headers: { authorization: `Bearer ${server.token('ben-osei')}` },
  });
  return ((await reply.json()) as { data: { _id: string }[] }).data[0]!._id;
}

/** The processor time that the page's main thread has used, in milliseconds. */
async function mainThread(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1000 * (metrics.find((metric) => metric.name === 'TaskDuration')?.value ?? Number.NaN);
  };
}

interface Frames {
  count: number;
  perSecond: number;
  longest: number;
  p95: number;
  blank: number;
}

/** Scrolls by `step` pixels a frame for `ms` milliseconds, from where `from` (0 to 1) of the list is. */
async function scroll(page: Page, { from, step, ms }: { from: number; step: number; ms: number }): Promise<Frames> {
  // A tab in the background gets one frame a second.
  await page.bringToFront();
  return page.locator('.message-scroller').evaluate(
    async (scroller, { from, step, ms }) => {
      const frame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
      scroller.scrollTop = (scroller.scrollHeight - scroller.clientHeight) * from;
      for (let n = 0; n < 30; n++) await frame();
      const times: number[] = [];
      let blank = 0;
      const begin = await frame();
      for (let now = begin, last = begin; now - begin < ms; last = now) {
        scroller.scrollTop += step;
        now = await frame();
        times.push(now - last);
        const box = scroller.getBoundingClientRect();
        for (const part of [0.1, 0.5, 0.9])
          if (
            !document.elementFromPoint(box.left + box.width / 2, box.top + box.height * part)?.closest('.message-rows')
          )
            blank += 1;
      }
      const total = times.reduce((sum, time) => sum + time, 0);
      const sorted = times.toSorted((a, b) => a - b);
      return {
        count: times.length,
        perSecond: (1000 * times.length) / total,
        longest: sorted.at(-1)!,
        p95: sorted[Math.floor(sorted.length * 0.95)]!,
        blank: blank / times.length / 3,
      };
    },
    { from, step, ms },
  );
}

test('scrolls through 10,000 messages at 50 frames a second or more', async () => {
  const busyMs = await mainThread(ana.page);
  const plain = await ana.context.newPage();
  const lines = Array.from({ length: 3_000 }, (_, seq) => `<p>${textOf(seq + 1)}</p>`).join('');
  await plain.setContent(
    `<div class="message-scroller" style="height:800px;overflow:auto"><div class="message-rows">${lines}</div></div>`,
  );
  const runs = [
    { from: 1, step: -60, ms: 4_000 },
    { from: 0.5, step: -150, ms: 4_000 },
    { from: 0.2, step: 400, ms: 4_000 },
  ];
  for (const run of runs) {
    const judged: number[] = [];
    for (let pass = 0; pass < 3 && !judged.some((rate) => rate >= 50); pass++) {
      const calmBefore = (await scroll(plain, { ...run, ms: 1_000 })).perSecond;
      const before = await busyMs();
      const frames = await scroll(ana.page, run);
      const perFrame = ((await busyMs()) - before) / frames.count;
      const calmAfter = (await scroll(plain, { ...run, ms: 1_000 })).perSecond;
      const rates = [calmBefore, frames.perSecond, calmAfter].map((rate) => rate.toFixed(1));
      console.log(
        `${run.step} px a frame: ${rates[1]} frames/s, p95 ${frames.p95.toFixed(0)} ms, ${perFrame.toFixed(1)} ms of the main ` +
          `thread a frame; static text before and after: ${rates[0]}, ${rates[2]} frames/s`,
      );
      // What the page needs for a frame, however busy the machine is; at 50 frames a second there are 20 ms.
      expect(perFrame).toBeLessThan(14);
      expect(frames.blank).toBe(0);
      if (Math.min(calmBefore, calmAfter) >= 57) judged.push(frames.perSecond);
    }
    if (judged.length > 0) expect(Math.max(...judged)).toBeGreaterThanOrEqual(50);
    else
      console.log(
        `${run.step} px a frame: not judged by the clock, the machine is too busy to scroll static text at 60 frames a second`,
      );
  }
  await plain.close();
});

test('shows every message of a burst, at the end of the list', async () => {
  await ana.page.locator('.message-scroller').evaluate((e) => {
    e.scrollTop = e.scrollHeight;
  });
  await write(ana.page, 'still here?');
  await bubble(ana.page, 'still here?').locator('.ticks[data-state=sent]').waitFor();
  const sending = (async () => {
    for (let n = 1; n <= 20; n++) await server.send('ben-osei', conversationId, `burst ${n}.`);
  })();
  await sending;
  // With its full stop: the time stands right behind the text, and "burst 2" at 02:50 has "burst 20" in it.
  await bubble(ana.page, 'burst 20.').waitFor();
  const place = await ana.page
    .locator('.message-scroller')
    .evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);
  expect(place).toBeLessThanOrEqual(1);
  const shown = await ana.page.locator('.message-row .message-text').allTextContents();
  expect(shown.filter((text) => text.startsWith('burst'))).toEqual(
    Array.from({ length: 20 }, (_, n) => `burst ${n + 1}.`),
  );
  expect(ana.problems).toEqual([]);
});
