import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { axeViolations, bubble, openAs, openConversation, type Person, screenshot, write } from './browser.ts';
import { type ChatServer, startChatServer } from './chat-server.ts';

let server: ChatServer;
let ana: Person;
let ben: Person;

beforeAll(async () => {
  server = await startChatServer({ MEDIA_MAX_FILE_BYTES: '3000000', MEDIA_UPLOADS_PER_MINUTE: '100' });
  await server.conversation('ana-lima', 'ben-osei');
  [ana, ben] = await Promise.all([openAs(server, 'ana-lima'), openAs(server, 'ben-osei')]);
  await openConversation(ana.page, 'Ben Osei');
  await openConversation(ben.page, 'Ana Lima');
});
afterAll(async () => {
  await Promise.all([ana?.close(), ben?.close()]);
  await server?.stop();
});

/** A picture of a sky, as a camera would leave it: noisy, so that it does not compress away. */
function png(width: number, height: number): Buffer {
  const raw = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0, at = 0, noise = 1; y < height; y++) {
    raw[at++] = 0;
    for (let x = 0; x < width; x++) {
      noise = (noise * 1_103_515_245 + 12_345) & 0x7fffffff;
      const grain = noise % 12;
      raw[at++] = 110 + (y * 120) / height + grain;
      raw[at++] = 150 + (y * 60) / height + grain;
      raw[at++] = 220 - (y * 60) / height + grain;
    }
  }
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const attach = (...files: { name: string; mimeType: string; buffer: Buffer }[]) =>
  ana.page.locator('.composer input[type=file]').setInputFiles(files);
const draft = (name: string) => ana.page.locator('.attachment-draft', { hasText: name });

/** Bytes a second that Ana can send; null: as many as there are. */
async function slowDown(bytesPerSecond: number | null): Promise<void> {
  const session = await ana.context.newCDPSession(ana.page);
  await session.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: bytesPerSecond ?? -1,
  });
}

test('a picture is uploaded with progress, sent with a text, and seen on the other side', async () => {
  await slowDown(400_000);
  const picture = png(900, 600);
  await attach({ name: 'sky.png', mimeType: 'image/png', buffer: picture });
  await draft('sky.png').locator('img.attachment-thumb').waitFor();
  const progress = draft('sky.png').locator('progress');
  await expect
    .poll(() => progress.evaluate((bar: HTMLProgressElement) => bar.value), { timeout: 20_000 })
    .toBeGreaterThan(0);
  expect(await progress.evaluate((bar: HTMLProgressElement) => bar.value)).toBeLessThanOrEqual(1);
  expect(await ana.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
  await screenshot(ana.page, 'uploading-1440-light');
  await slowDown(null);
  await draft('sky.png').and(ana.page.locator('[data-state=done]')).waitFor({ timeout: 20_000 });
  await write(ana.page, 'The sky over the harbour');
  const image = bubble(ben.page, 'The sky over the harbour').locator('img');
  await image.waitFor();
  await expect.poll(() => image.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBeGreaterThan(0);
  await bubble(ana.page, 'The sky over the harbour').locator('img').waitFor();
  expect(await ana.page.locator('.attachment-draft').count()).toBe(0);
  expect(await axeViolations(ana.page)).toEqual([]);
});

test('a file that is not taken says why before anything is sent, and does not leave by accident', async () => {
  await attach({ name: 'too-large.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(3_000_001, 'x') });
  await draft('too-large.pdf').getByText('Larger than 3').waitFor();
  await attach({ name: 'virus.exe', mimeType: 'application/x-msdownload', buffer: Buffer.from('MZ') });
  await draft('virus.exe').getByText('not taken').waitFor();
  await attach({ name: 'lie.png', mimeType: 'image/png', buffer: Buffer.from('this is no picture') });
  await draft('lie.png').and(ana.page.locator('[data-state=failed]')).waitFor();
  expect(await ana.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
  expect(await axeViolations(ana.page)).toEqual([]);
  await screenshot(ana.page, 'upload-errors-1440-light');
  for (const name of ['too-large.pdf', 'virus.exe', 'lie.png']) await draft(name).getByLabel(`Remove ${name}`).click();
  expect(await ana.page.locator('.attachment-draft').count()).toBe(0);
});

test('an upload that the network ended is tried again', async () => {
  await ana.context.route('**/media/local/uploads/**', (route) => route.abort('internetdisconnected'));
  await attach({ name: 'harbour.png', mimeType: 'image/png', buffer: png(900, 600) });
  await draft('harbour.png').and(ana.page.locator('[data-state=failed]')).waitFor();
  await draft('harbour.png').getByText('could not be sent').waitFor();
  await ana.context.unroute('**/media/local/uploads/**');
  await draft('harbour.png').getByRole('button', { name: 'Retry' }).click();
  await draft('harbour.png').and(ana.page.locator('[data-state=done]')).waitFor({ timeout: 20_000 });
  await write(ana.page, 'Second try');
  await bubble(ben.page, 'Second try').locator('img').waitFor();
  expect(ana.problems).toEqual([]);
  expect(ben.problems).toEqual([]);
});
