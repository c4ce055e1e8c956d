import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createMedia } from '@confab/media';
import { eventually, tempDir } from '@confab/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { loadApiConfig } from '../src/config.ts';
import { type BuiltApi, build } from './build.ts';

/* Uploads and downloads of local media, which take as long as their other side likes. */

/** More than the buffers of a connection hold. */
const LARGE = 16_000_000;

interface Ticket {
  mediaId: string;
  uploadUrl: string;
  headers: Record<string, string>;
}

interface MediaApi extends BuiltApi {
  ticketOf(as: string, size?: number): Promise<Ticket>;
  /** Starts an upload, and leaves it there once something of it is on the disk. */
  startUpload(ticket: Ticket): Promise<ClientRequest>;
  /** Parts of uploads under way that are on the disk. */
  parts(): Promise<string[]>;
}

async function buildWithMedia(env: Record<string, string> = {}): Promise<MediaApi> {
  const folder = await tempDir('streams');
  onTestFinished(() => folder.remove());
  const variables = {
    ...{ MEDIA_PROVIDER: 'local', MEDIA_DIR: folder.path, MEDIA_PUBLIC_URL: 'http://unused' },
    ...{ MEDIA_SECRET: 'a-media-secret-of-the-tests-0123456789', MEDIA_UPLOADS_PER_MINUTE: '1000', ...env },
  };
  const needed = { MONGODB_URL: 'mongodb://unused', REDIS_URL: 'redis://unused', JWT_SECRET: 'x'.repeat(32) };
  let url = '';
  const media = createMedia(loadApiConfig({ ...needed, ...variables }), () => url);
  const chat = await build({ env: variables, deps: () => ({ media }) });
  url = await chat.listen();
  const parts = async () => (await readdir(folder.path, { recursive: true })).filter((name) => name.endsWith('.part'));
  return {
    ...{ ...chat, parts },
    async ticketOf(as, size = 1_000_000) {
      const conversationId = await chat.open(as, 'zoe');
      const body = { filename: 'a.txt', contentType: 'text/plain', size, conversationId };
      return (await chat.call<Ticket>('POST', '/api/chat/media/uploads', { as, body })).body.data;
    },
    async startUpload(ticket) {
      const sending = put(ticket);
      await eventually(async () => expect(await parts()).toContainEqual(expect.stringContaining(ticket.mediaId)));
      return sending;
    },
  };
}

/** The head and two bytes. */
function put({ uploadUrl, headers }: Ticket): ClientRequest {
  const sending = request(uploadUrl, { method: 'PUT', headers, agent: false });
  onTestFinished(() => void sending.destroy());
  sending.on('error', () => {}).write('xx');
  return sending;
}

async function answerOf(sending: ClientRequest): Promise<object> {
  const [response] = (await once(sending, 'response')) as [IncomingMessage];
  const { error } = JSON.parse(Buffer.concat(await response.toArray()).toString());
  return { status: response.statusCode, ...error };
}

test('uploads that stand still leave the api to everybody else', async () => {
  const { call, ticketOf, startUpload } = await buildWithMedia({ MAX_IN_FLIGHT: '2' });
  const tickets = [await ticketOf('alice'), await ticketOf('bob'), await ticketOf('carol')];
  await startUpload(tickets[0] as Ticket);
  await startUpload(tickets[1] as Ticket);
  expect((await call('GET', '/api/chat/unread-count', { as: 'dave' })).status).toBe(200);
  await startUpload(tickets[2] as Ticket);
});

test('a second upload with a ticket is refused while one is under way, and writes nothing', async () => {
  const { ticketOf, startUpload, parts } = await buildWithMedia();
  const ticket = await ticketOf('alice');
  const first = await startUpload(ticket);
  const second = await answerOf(put(ticket));
  expect(second).toMatchObject({ status: 409, code: 'CONFLICT', message: 'An upload with this ticket is under way' });
  expect(await parts()).toHaveLength(1);
  const answered = once(first, 'response');
  first.end('x'.repeat(999_998));
  expect((await answered)[0].statusCode).toBe(201);
});

test('an upload that broke off leaves its ticket to the next one', async () => {
  const { ticketOf, startUpload } = await buildWithMedia();
  const ticket = await ticketOf('alice', 4);
  (await startUpload(ticket)).destroy();
  await eventually(async () => {
    const { status } = await fetch(ticket.uploadUrl, { method: 'PUT', headers: ticket.headers, body: 'text' });
    expect(status).toBe(201);
  });
});

test('a user has ten uploads at a time, and others have theirs', async () => {
  const { ticketOf, startUpload, parts } = await buildWithMedia();
  for (let i = 0; i < 10; i++) await startUpload(await ticketOf('alice'));
  const refused = await answerOf(put(await ticketOf('alice')));
  expect(refused).toMatchObject({ status: 503, code: 'OVERLOADED', retryAfter: 1 });
  await startUpload(await ticketOf('bob'));
  expect(await parts()).toHaveLength(11);
});

test('downloads that nobody reads leave the api to everybody else', async () => {
  const { call, open, ticketOf } = await buildWithMedia({ MAX_IN_FLIGHT: '2' });
  const { mediaId, uploadUrl, headers } = await ticketOf('alice', LARGE);
  expect((await fetch(uploadUrl, { method: 'PUT', headers, body: 'x'.repeat(LARGE) })).status).toBe(201);
  const body = { conversationId: await open('alice', 'zoe'), media: [{ mediaId, type: 'file' }] };
  const sent = await call<{ media: { url: string }[] }>('POST', '/api/chat/message', { body });
  for (let i = 0; i < 2; i++) {
    const reading = request(sent.body.data.media[0]?.url ?? '', { agent: false }).end();
    onTestFinished(() => void reading.destroy());
    const [response] = (await once(reading, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(200);
  }
  expect((await call('GET', '/api/chat/unread-count', { as: 'dave' })).status).toBe(200);
});
