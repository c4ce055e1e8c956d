import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joined, photo, png, type Sample, text, wav, zip } from './media-samples.ts';
import { Person, type Reply } from './person.ts';
import type { System } from './system.ts';

export interface MediaSystem extends System {
  provider: 'local' | 's3';
  /** Names of everything that is stored, incoming uploads too. */
  stored(): Promise<string[]>;
}

export interface Ticket {
  mediaId: string;
  uploadUrl: string;
  method: 'PUT' | 'POST';
  headers?: Record<string, string>;
  fields?: Record<string, string>;
  expiresAt: string;
}

/** Sends bytes as a ticket says, as any HTTP client would. */
export async function sendBytes(ticket: Ticket, bytes: Uint8Array<ArrayBuffer>): Promise<Response> {
  if (!ticket.fields) {
    return fetch(ticket.uploadUrl, { method: ticket.method, headers: ticket.headers ?? {}, body: bytes });
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.fields)) form.append(name, value);
  form.append('file', new Blob([bytes]), 'whatever');
  return fetch(ticket.uploadUrl, { method: ticket.method, body: form });
}

export async function ticketFor(person: Person, conversationId: string, sample: Sample): Promise<Reply> {
  const { filename, contentType, bytes } = sample;
  return person.call('POST', '/api/chat/media/uploads', { filename, contentType, size: bytes.length, conversationId });
}

/** Uploads a sample. @returns its mediaId */
export async function upload(person: Person, conversationId: string, sample: Sample): Promise<string> {
  const reply = await ticketFor(person, conversationId, sample);
  if (reply.status !== 201) throw new Error(`no ticket: ${JSON.stringify(reply.body)}`);
  const ticket = reply.body.data as Ticket;
  const response = await sendBytes(ticket, sample.bytes);
  if (!response.ok) throw new Error(`not uploaded: ${response.status} ${await response.text()}`);
  return ticket.mediaId;
}

let count = 0;

/** Uploads from ticket to deletion, from outside. The same for every provider that runs here. */
export function describeMedia(name: string, start: () => Promise<MediaSystem>): void {
  describe(`media: ${name}`, () => {
    let system: MediaSystem;
    const people: Person[] = [];
    beforeAll(async () => {
      system = await start();
    }, 150_000);
    afterAll(async () => {
      for (const person of people) person.leave();
      await system?.stop();
    }, 60_000);

    const someone = (who: string) => {
      const person = new Person(system, `${who}-${++count}`, { firstName: who });
      people.push(person);
      return person;
    };
    const pair = async () => {
      const [alice, bob] = [someone('Alice'), someone('Bob')];
      return { alice, bob, conversationId: await alice.converse(bob) };
    };
    const send = (person: Person, conversationId: string, media: unknown[], more: object = {}) =>
      person.call('POST', '/api/chat/message', { conversationId, media, ...more });
    /** Nothing of an upload is stored, under any name. */
    const expectGone = (mediaId: string) =>
      eventually(async () => {
        const left = (await system.stored()).filter((entry) => entry.includes(mediaId));
        expect(left).toEqual([]);
      }, 15_000);

    test('tells what it takes', async () => {
      const { alice } = await pair();
      const { status, body } = await alice.call('GET', '/api/chat/media/config');
      expect(status).toBe(200);
      expect(body.data.maxBytes.image).toBeGreaterThan(1_000_000);
      expect(body.data.types.image).toContain('image/png');
    });

    test('an image goes from ticket to message to reader, with size, placeholder and a thumbnail', async () => {
      const { alice, bob, conversationId } = await pair();
      const device = await bob.connect();
      const sample = photo(900, 600);
      const mediaId = await upload(alice, conversationId, sample);
      const sent = await send(alice, conversationId, [{ mediaId, type: 'image' }]);
      expect(sent.status).toBe(201);
      const item = sent.body.data.media[0];
      expect(item).toMatchObject({
        mediaId,
        type: 'image',
        filename: 'photo.png',
        size: sample.bytes.length,
        width: 900,
        height: 600,
      });
      expect(item.placeholder).toMatch(/^[A-Za-z0-9+/=]{20,60}$/);
      expect(sent.body.data.messageType).toBe('image');

      const event = await device.event('new:message', (e) => e.message._id === sent.body.data._id);
      const [history, single, synced] = await Promise.all([
        bob.history(conversationId),
        bob.call('GET', `/api/chat/message/${sent.body.data._id}`),
        bob.call('POST', '/api/chat/sync', {}),
      ]);
      const urls = [
        item.url,
        event.message.media[0]?.url,
        history.data[0].media[0].url,
        single.body.data.media[0].url,
        synced.body.data.conversations[0].messages[0].media[0].url,
      ];
      for (const url of urls) {
        const response = await fetch(url);
        expect(response.status).toBe(200);
        expect(response.headers.get('content-type')).toBe('image/png');
        expect(response.headers.get('content-disposition')).toMatch(/^inline;.*photo\.png/);
        expect(Buffer.from(await response.arrayBuffer()).equals(sample.bytes)).toBe(true);
      }

      const thumbnailUrl = await eventually(async () => {
        const { body } = await bob.call('GET', `/api/chat/message/${sent.body.data._id}`);
        expect(body.data.media[0].thumbnailUrl).toBeTypeOf('string');
        return body.data.media[0].thumbnailUrl as string;
      }, 45_000);
      const thumbnail = await fetch(thumbnailUrl);
      expect(thumbnail.status).toBe(200);
      expect(thumbnail.headers.get('content-type')).toBe('image/webp');
      const bytes = Buffer.from(await thumbnail.arrayBuffer());
      expect(bytes.subarray(8, 12).toString('latin1')).toBe('WEBP');
    }, 60_000);

    test('sound has its duration; other files are downloaded, never opened', async () => {
      const { alice, conversationId } = await pair();
      const sound = await upload(alice, conversationId, {
        filename: 'voice.wav',
        contentType: 'audio/wav',
        bytes: wav(3),
      });
      const notes = await upload(alice, conversationId, text('<script>alert(1)</script>'));
      const { body } = await send(alice, conversationId, [
        { mediaId: sound, type: 'audio' },
        { mediaId: notes, type: 'file', filename: 'a name that is not believed.html', size: 1 },
      ]);
      expect(body.data.media[0]).toMatchObject({ type: 'audio', duration: 3 });
      expect(body.data.media[1]).toMatchObject({ filename: 'notes.txt', size: 25 });
      const response = await fetch(body.data.media[1].url);
      expect(response.headers.get('content-disposition')).toMatch(/^attachment;/);
      expect(response.headers.get('content-type')).toBe('text/plain');
    });

    test('ranges are served, so that players can seek', async () => {
      const { alice, conversationId } = await pair();
      const bytes = wav(2);
      const mediaId = await upload(alice, conversationId, { filename: 'v.wav', contentType: 'audio/wav', bytes });
      const { url } = (await send(alice, conversationId, [{ mediaId, type: 'audio' }])).body.data.media[0];
      const ask = async (range: string) => {
        const response = await fetch(url, { headers: { range } });
        return {
          status: response.status,
          range: response.headers.get('content-range'),
          body: Buffer.from(await response.arrayBuffer()),
        };
      };
      const middle = await ask('bytes=100-199');
      expect(middle).toMatchObject({ status: 206, range: `bytes 100-199/${bytes.length}` });
      expect(middle.body.equals(bytes.subarray(100, 200))).toBe(true);
      const end = await ask('bytes=-10');
      expect(end.body.equals(bytes.subarray(-10))).toBe(true);
      expect((await ask(`bytes=${bytes.length}-`)).status).toBe(416);
    });

    test('file names lose paths, controls and direction marks', async () => {
      const { alice, conversationId } = await pair();
      const names = [
        '../../etc/passwd',
        'C:\\Windows\\evil.png',
        '\u202Egnp.exe',
        'a\r\nSet-Cookie: x=1.png',
        '....//....//x',
      ];
      for (const filename of names) {
        const mediaId = await upload(alice, conversationId, { ...photo(8, 8), filename });
        const { body } = await send(alice, conversationId, [{ mediaId, type: 'image' }]);
        const kept = body.data.media[0].filename as string;
        expect(kept).toMatch(/^[^/\\\r\n\u202E]+\.png$/);
        expect(kept).not.toMatch(/^\./);
        const response = await fetch(body.data.media[0].url);
        expect(response.status).toBe(200);
        expect(response.headers.get('set-cookie')).toBeNull();
        await response.arrayBuffer();
      }
      for (const entry of await system.stored()) expect(entry).not.toMatch(/passwd|evil|\.\./);
    });

    describe('refuses, and keeps nothing of,', () => {
      /** Uploads, then asks for the check: where it says no differs by provider, what it says does not. */
      const refusal = async (sample: Sample, bytes = sample.bytes) => {
        const { alice, conversationId } = await pair();
        const ticket = (await ticketFor(alice, conversationId, sample)).body.data as Ticket;
        const response = await sendBytes(ticket, bytes);
        const uploaded = await response.text();
        const checked = await alice.call('POST', `/api/chat/media/uploads/${ticket.mediaId}/complete`);
        const sent = await send(alice, conversationId, [{ mediaId: ticket.mediaId, type: 'image' }]);
        expect(sent.status).toBe(404);
        await expectGone(ticket.mediaId);
        const code = response.ok ? checked.body.error.code : codeIn(uploaded);
        return { status: response.ok ? checked.status : response.status, code };
      };
      const codeIn = (body: string): string => {
        if (system.provider === 'local') return JSON.parse(body).error.code;
        return /<Code>([^<]+)</.exec(body)?.[1] ?? '';
      };
      const mismatch = { status: 422, code: 'MEDIA_CONTENT_MISMATCH' };

      test('another type behind an allowed name', async () => {
        const html = Buffer.from('<!doctype html><script>alert(1)</script>');
        expect(await refusal({ ...photo(), bytes: new Uint8Array(html) })).toEqual(mismatch);
      });
      test('an image that is an archive too', async () => {
        expect(await refusal({ ...photo(), bytes: joined(png(32, 32), zip('Evil.class', 'code')) })).toEqual(mismatch);
      });
      test('an image that is a page too', async () => {
        const bytes = png(32, 32, { text: '<html><script>alert(1)</script></html>' });
        expect(await refusal({ ...photo(), bytes })).toEqual(mismatch);
      });
      test('an image cut short', async () => {
        expect(await refusal({ ...photo(), bytes: png(200, 200).slice(0, 60) })).toEqual(mismatch);
      });
      test('an image that unpacks to 900 million pixels', async () => {
        const bytes = png(30_000, 30_000, { bits: 1 });
        expect(bytes.length).toBeLessThan(200_000);
        expect(await refusal({ ...photo(), bytes })).toEqual({ status: 422, code: 'MEDIA_TOO_MANY_PIXELS' });
      });

      test('ten times the size of the ticket', async () => {
        const { alice, conversationId } = await pair();
        const sample = photo();
        const ticket = (await ticketFor(alice, conversationId, sample)).body.data as Ticket;
        const tenfold = joined(...Array.from({ length: 10 }, () => sample.bytes));
        const response = await sendBytes(ticket, tenfold);
        const body = await response.text();
        if (system.provider === 'local') {
          expect([response.status, codeIn(body)]).toEqual([413, 'MEDIA_TOO_LARGE']);
        } else {
          expect([response.status, codeIn(body)]).toEqual([400, 'EntityTooLarge']);
        }
        const sent = await send(alice, conversationId, [{ mediaId: ticket.mediaId, type: 'image' }]);
        expect([sent.status, sent.body.error.code]).toEqual([409, 'MEDIA_NOT_UPLOADED']);
        await expectGone(ticket.mediaId);
      });

      test('a ticket whose type, size or place was altered', async () => {
        const { alice, conversationId } = await pair();
        const sample = photo();
        const ticket = (await ticketFor(alice, conversationId, sample)).body.data as Ticket;
        const other = (await ticketFor(alice, conversationId, sample)).body.data as Ticket;
        const alterations: Ticket[] = ticket.fields
          ? [
              { ...ticket, fields: { ...ticket.fields, key: ticket.fields.key?.replace('incoming', 'media') ?? '' } },
              { ...ticket, fields: { ...ticket.fields, 'Content-Type': 'text/html' } },
              { ...ticket, fields: { ...ticket.fields, 'X-Amz-Signature': '0'.repeat(64) } },
            ]
          : [
              { ...ticket, uploadUrl: ticket.uploadUrl.replace(/size=\d+/, 'size=999999') },
              { ...ticket, uploadUrl: ticket.uploadUrl.replace('image%2Fpng', 'text%2Fhtml') },
              { ...ticket, uploadUrl: ticket.uploadUrl.replace(ticket.mediaId, other.mediaId) },
              { ...ticket, uploadUrl: ticket.uploadUrl.replace(/expires=\d+/, 'expires=9999999999999') },
              { ...ticket, uploadUrl: ticket.uploadUrl.replace(/signature=...../, 'signature=AAAAA') },
            ];
        for (const altered of alterations) {
          const response = await sendBytes(altered, sample.bytes);
          expect(response.status).toBe(403);
          expect(codeIn(await response.text())).toMatch(/^(MEDIA_LINK_INVALID|AccessDenied|SignatureDoesNotMatch)$/);
        }
        await expectGone(ticket.mediaId);
      });
    });

    test('types and sizes are refused before anything is uploaded', async () => {
      const { alice, conversationId } = await pair();
      const ask = (body: object) =>
        alice.call('POST', '/api/chat/media/uploads', { filename: 'x', size: 10, conversationId, ...body });
      const html = await ask({ contentType: 'text/html' });
      expect([html.status, html.body.error.code]).toEqual([415, 'MEDIA_TYPE_NOT_ALLOWED']);
      const svg = await ask({ contentType: 'image/svg+xml' });
      expect([svg.status, svg.body.error.code]).toEqual([415, 'MEDIA_TYPE_NOT_ALLOWED']);
      const large = await ask({ contentType: 'image/png', size: 21 * 1024 ** 2 });
      expect([large.status, large.body.error.code]).toEqual([413, 'MEDIA_TOO_LARGE']);
      const foreign = await someone('Stranger').call('POST', '/api/chat/media/uploads', {
        ...{ filename: 'x.png', contentType: 'image/png', size: 10, conversationId },
      });
      expect([foreign.status, foreign.body.error.code]).toEqual([404, 'NOT_FOUND']);
    });

    test('a message names only unused uploads of its sender, in their conversation; the rest answers alike', async () => {
      const { alice, bob, conversationId } = await pair();
      const elsewhere = await alice.converse(someone('Carol'));
      const mediaId = await upload(alice, conversationId, photo());
      const used = await upload(alice, conversationId, photo());
      expect((await send(alice, conversationId, [{ mediaId: used, type: 'image' }])).status).toBe(201);
      const attempts = [
        await send(bob, conversationId, [{ mediaId, type: 'image' }]),
        await send(bob, conversationId, [{ mediaId: 'f'.repeat(24), type: 'image' }]),
        await send(alice, elsewhere, [{ mediaId, type: 'image' }]),
        await send(alice, conversationId, [{ mediaId: used, type: 'image' }]),
      ];
      for (const { status, body } of attempts) {
        expect(status).toBe(404);
        expect(body).toEqual(attempts[1]?.body);
      }
      const foreign = await bob.call('POST', `/api/chat/media/uploads/${mediaId}/complete`);
      const unknown = await bob.call('POST', `/api/chat/media/uploads/${'f'.repeat(24)}/complete`);
      expect([foreign.status, foreign.body]).toEqual([404, unknown.body]);
      expect((await send(alice, conversationId, [{ mediaId, type: 'image' }])).status).toBe(201);
    });

    test('a retry of a send with an upload is the same message', async () => {
      const { alice, conversationId } = await pair();
      const mediaId = await upload(alice, conversationId, photo());
      const once = { clientMessageId: 'photo-1' };
      const replies = await Promise.all(
        Array.from({ length: 5 }, () => send(alice, conversationId, [{ mediaId, type: 'image' }], once)),
      );
      for (const reply of replies) expect(reply.status).toBe(201);
      expect(new Set(replies.map((reply) => reply.body.data._id)).size).toBe(1);
      const history = await alice.history(conversationId);
      expect(history.data).toHaveLength(1);
      expect(history.data[0].media[0].mediaId).toBe(mediaId);
    });

    test('a person outside the conversation gets no link; an altered link reads nothing', async () => {
      const { alice, conversationId } = await pair();
      const mediaId = await upload(alice, conversationId, photo());
      const { body } = await send(alice, conversationId, [{ mediaId, type: 'image' }]);
      const stranger = someone('Stranger');
      expect((await stranger.call('GET', `/api/chat/message/${body.data._id}`)).status).toBe(404);
      expect((await stranger.call('GET', `/api/chat/conversation/${conversationId}/messages`)).status).toBe(404);
      const { url } = body.data.media[0] as { url: string };
      for (const altered of [
        url.replace(/([sS]ignature=)...../, '$1AAAAA'),
        url.replace('photo.png', 'photo.html'),
        url.split('?')[0] ?? '',
      ]) {
        expect((await fetch(altered)).status).toBe(403);
      }
    });

    test('deleted for everyone, the bytes are gone and its links die', async () => {
      const { alice, bob, conversationId } = await pair();
      const mediaId = await upload(alice, conversationId, photo(700, 700));
      const { body } = await send(alice, conversationId, [{ mediaId, type: 'image' }]);
      const messageId = body.data._id as string;
      const { url } = body.data.media[0] as { url: string };
      await bob.call('DELETE', `/api/chat/message/${messageId}`, { deleteForEveryone: false });
      expect((await fetch(url)).status).toBe(200);
      const deleted = await alice.call('DELETE', `/api/chat/message/${messageId}`, { deleteForEveryone: true });
      expect(deleted.status).toBe(200);
      await expectGone(mediaId);
      expect((await fetch(url)).status).toBe(404);
      expect((await alice.history(conversationId)).data[0].media).toEqual([]);
    });

    test('URLs elsewhere go on as the guide has them', async () => {
      const { alice, conversationId } = await pair();
      const item = { url: 'https://example.com/image.jpg', type: 'image', filename: 'image.jpg', size: 1024000 };
      const { status, body } = await send(alice, conversationId, [item]);
      expect(status).toBe(201);
      expect(body.data.media).toEqual([item]);
      for (const wrong of [
        { type: 'image' },
        { ...item, mediaId: 'a'.repeat(24) },
        { ...item, url: 'http://example.com/x' },
      ]) {
        expect((await send(alice, conversationId, [wrong])).status).toBe(400);
      }
    });
  });
}
