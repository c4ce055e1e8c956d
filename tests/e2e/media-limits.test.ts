import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { eventually, type TempDir, tempDir } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendBytes, type Ticket, ticketFor, upload } from './media.suite.ts';
import { photo, text } from './media-samples.ts';
import { Person } from './person.ts';
import { type System, startStandaloneSystem } from './system.ts';

describe('media: limits over HTTP', () => {
  let system: System;
  let folder: TempDir;
  beforeAll(async () => {
    folder = await tempDir('media-limits');
    system = await startStandaloneSystem({
      MEDIA_DIR: folder.path,
      MEDIA_LINK_SECONDS: '2',
      MEDIA_TICKET_SECONDS: '2',
      MEDIA_ALLOW_EXTERNAL: 'false',
    });
  }, 60_000);
  afterAll(async () => {
    await system?.stop();
    await folder?.remove();
  });

  let count = 0;
  const person = () => new Person(system, `limited-${++count}`);
  const files = async () =>
    (await readdir(folder.path, { recursive: true, withFileTypes: true })).filter((f) => f.isFile()).map((f) => f.name);
  const codeOf = async (response: Response) => ((await response.json()) as { error: { code: string } }).error.code;

  test('links and tickets die at their time', async () => {
    const alice = person();
    const conversationId = await alice.converse(person());
    const mediaId = await upload(alice, conversationId, photo());
    const unused = (await ticketFor(alice, conversationId, photo())).body.data as Ticket;
    const { body } = await alice.call('POST', '/api/chat/message', {
      conversationId,
      media: [{ mediaId, type: 'image' }],
    });
    const { url } = body.data.media[0] as { url: string };
    expect((await fetch(url)).status).toBe(200);
    await eventually(async () => {
      const response = await fetch(url);
      expect([response.status, await codeOf(response)]).toEqual([410, 'MEDIA_LINK_EXPIRED']);
    }, 10_000);
    const late = await sendBytes(unused, photo().bytes);
    expect([late.status, await codeOf(late)]).toEqual([410, 'MEDIA_LINK_EXPIRED']);
    const again = await alice.call('GET', `/api/chat/message/${body.data._id}`);
    expect((await fetch(again.body.data.media[0].url)).status).toBe(200);
  });

  test('the eleventh ticket of a minute is refused, with the time to wait', async () => {
    const alice = person();
    const conversationId = await alice.converse(person());
    for (let i = 0; i < 10; i++) expect((await ticketFor(alice, conversationId, photo())).status).toBe(201);
    const { status, body } = await ticketFor(alice, conversationId, photo());
    expect([status, body.error.code]).toEqual([429, 'RATE_LIMITED']);
    expect(body.retryAfter).toBeGreaterThan(0);
  });

  test('where only uploads are taken, a URL elsewhere is refused', async () => {
    const alice = person();
    const conversationId = await alice.converse(person());
    const media = [{ url: 'https://example.com/a.png', type: 'image' }];
    const { status, body } = await alice.call('POST', '/api/chat/message', { conversationId, media });
    expect([status, body.error.field]).toEqual([400, 'media/0/url']);
  });

  /** An upload without a length in its head, as long as the writer goes on. */
  const openUpload = (ticket: Ticket) => request(ticket.uploadUrl, { method: 'PUT', headers: ticket.headers ?? {} });

  test('ten times the size without saying so is cut off at the first byte too many; nothing stays on the disk', async () => {
    const alice = person();
    const conversationId = await alice.converse(person());
    const sample = text('x'.repeat(100_000));
    const ticket = (await ticketFor(alice, conversationId, sample)).body.data as Ticket;
    const sending = openUpload(ticket);
    const answered = once(sending, 'response');
    for (let i = 0; i < 10; i++) sending.write(sample.bytes);
    sending.end();
    const [response] = await answered;
    expect(response.statusCode).toBe(413);
    response.resume();
    await eventually(
      async () => expect(await files()).not.toContainEqual(expect.stringContaining(ticket.mediaId)),
      5_000,
    );
  });

  test('an upload that breaks off leaves nothing on the disk, and counts as not uploaded', async () => {
    const alice = person();
    const conversationId = await alice.converse(person());
    const sample = text('y'.repeat(100_000));
    const ticket = (await ticketFor(alice, conversationId, sample)).body.data as Ticket;
    const sending = openUpload(ticket);
    sending.on('error', () => {});
    sending.write(sample.bytes.subarray(0, 50_000));
    await eventually(async () => expect(await files()).toContainEqual(expect.stringContaining(ticket.mediaId)), 5_000);
    sending.destroy();
    await eventually(
      async () => expect(await files()).not.toContainEqual(expect.stringContaining(ticket.mediaId)),
      5_000,
    );
    const incomplete = await alice.call('POST', `/api/chat/media/uploads/${ticket.mediaId}/complete`);
    expect([incomplete.status, incomplete.body.error.code]).toEqual([409, 'MEDIA_NOT_UPLOADED']);
  });
});
