import {
  checkUpload,
  createUpload,
  deleteMessage,
  finishChanges,
  getMessage,
  type MediaStorage,
  makeThumbnails,
  relayOutbox,
  type StoredMedia,
  sendMessage,
  upkeepMedia,
} from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chunks, type MediaFixture, startMediaFixture } from './fixture.ts';

const HOUR = 3_600_000;
const KILLED = new Error('the process ended here');

let t: MediaFixture;
/** What the storage does before it does it; a throw is a crash, or a storage that is away. */
let before: (call: keyof MediaStorage) => void;
const flaky = (storage: MediaStorage): MediaStorage =>
  new Proxy(storage, {
    get(target, name: keyof MediaStorage) {
      const value = target[name];
      if (typeof value !== 'function') return value;
      return (...args: never[]) => {
        before(name);
        return (value as (...given: never[]) => unknown)(...args);
      };
    },
  });

beforeEach(async () => {
  before = () => {};
  t = await startMediaFixture(flaky);
});
afterEach(() => t.close());

const state = async (mediaId: string) => (await t.store.media.findById(mediaId))?.state;
/** Runs the worker's part until nothing is due. */
const upkeep = async () => {
  while ((await upkeepMedia(t.ctx)) > 0);
};

describe('what nobody used', () => {
  it('is removed after 24 hours, a ticket without upload too, and not an hour earlier', async () => {
    const [uploaded, checked] = [await t.upload(), await t.ready()];
    const body = { filename: 'x.txt', contentType: 'text/plain', size: 5, conversationId: t.conversationId };
    const { mediaId: neverUploaded } = await createUpload(t.ctx, { userId: 'alice', body });
    t.clock.advance(23 * HOUR);
    await upkeep();
    expect((await t.files()).sort()).toEqual([checked, uploaded].sort());
    t.clock.advance(2 * HOUR);
    await upkeep();
    expect(await t.files()).toEqual([]);
    for (const id of [uploaded, checked, neverUploaded]) expect(['deleted', undefined]).toContain(await state(id));
    await expect(t.send(checked)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    t.clock.advance(25 * HOUR);
    await upkeep();
    expect(await t.store.db.collection('media').countDocuments()).toBe(0);
  });

  it('a message keeps its upload for good', async () => {
    const mediaId = await t.ready();
    const { _id } = await t.send(mediaId);
    t.clock.advance(100 * 24 * HOUR);
    await upkeep();
    expect(await state(mediaId)).toBe('attached');
    expect(await t.files()).toEqual([mediaId]);
    expect((await getMessage(t.ctx, 'bob', _id)).media).toHaveLength(1);
  });

  it('the collector that dies between condemning and removing is finished by the next run', async () => {
    const mediaId = await t.ready();
    t.clock.advance(25 * HOUR);
    before = (call) => {
      if (call === 'remove') throw KILLED;
    };
    await expect(upkeepMedia(t.ctx)).rejects.toBe(KILLED);
    expect([await state(mediaId), await t.files()]).toEqual(['deleting', [mediaId]]);
    before = () => {};
    await expect(t.send(mediaId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    t.clock.advance(2 * 60_000);
    await upkeep();
    expect(await t.files()).toEqual([]);
  });

  it('parts of uploads that crashed are swept', async () => {
    const body = { filename: 'x.txt', contentType: 'text/plain', size: 10, conversationId: t.conversationId };
    const { mediaId, uploadUrl } = await createUpload(t.ctx, { userId: 'alice', body });
    const upload = t.storage.openTicket(mediaId, Object.fromEntries(new URL(uploadUrl).searchParams));
    const endless = async function* () {
      yield new Uint8Array(5);
      await new Promise(() => {});
    };
    // as a process that ended in the middle: nobody writes on, and nobody tidies up
    void t.storage.receive(upload, endless());
    await expect.poll(() => t.files()).toEqual([expect.stringMatching(/\.part$/)]);
    expect(await t.storage.sweep(new Date(Date.now() - HOUR))).toBe(0);
    expect(await t.storage.sweep(new Date(Date.now() + HOUR))).toBe(1);
    expect(await t.files()).toEqual([]);
  });
});

describe('a send that dies half-way', () => {
  it('after it claimed the upload: the same client id sends it, another one does not', async () => {
    const mediaId = await t.ready();
    t.ctx.atStep = async (step) => {
      if (step === 'media-claimed') throw KILLED;
    };
    await expect(t.send(mediaId, { clientMessageId: 'c1' })).rejects.toBe(KILLED);
    t.ctx.atStep = undefined;
    await expect(t.send(mediaId, { clientMessageId: 'c2' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const sent = await t.send(mediaId, { clientMessageId: 'c1' });
    expect((await t.send(mediaId, { clientMessageId: 'c1' }))._id).toBe(sent._id);
    t.clock.advance(49 * HOUR);
    await upkeep();
    expect([await state(mediaId), await t.files()]).toEqual(['attached', [mediaId]]);
  });

  it('and is never tried again: the upload is removed', async () => {
    const mediaId = await t.ready();
    t.ctx.atStep = async (step) => {
      if (step === 'media-claimed') throw KILLED;
    };
    await expect(t.send(mediaId)).rejects.toBe(KILLED);
    t.ctx.atStep = undefined;
    t.clock.advance(24 * HOUR);
    await upkeep();
    expect(await state(mediaId)).toBe('claimed');
    t.clock.advance(25 * HOUR);
    await upkeep();
    expect(await t.files()).toEqual([]);
  });

  it('to a conversation that the sender has left gives the upload back', async () => {
    const mediaId = await t.ready();
    await t.store.db.collection('conversations').updateMany({}, { $pull: { participants: 'alice' } } as never);
    await expect(t.send(mediaId)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await state(mediaId)).toBe('ready');
  });
});

describe('deletion for everyone', () => {
  it.each(['media-condemned', 'change-marked', 'change-numbered'] as const)(
    'that dies at %s is finished by the worker, bytes and all',
    async (at) => {
      const mediaId = await t.ready();
      const { _id: messageId } = await t.send(mediaId);
      t.ctx.atStep = async (step) => {
        if (step === at) throw KILLED;
      };
      const request = { userId: 'alice', messageId, forEveryone: true, traceId: 't' };
      await expect(deleteMessage(t.ctx, request)).rejects.toBe(KILLED);
      t.ctx.atStep = undefined;
      await upkeep();
      // nobody noted it yet: only the mark that the deletion left leads to the bytes
      if (at === 'media-condemned') expect(await t.files()).toEqual([mediaId]);
      t.clock.advance(60_000);
      await finishChanges(t.ctx);
      await upkeep();
      expect(await t.files()).toEqual([]);
    },
  );

  it('while the storage is away is finished once it is back; no link reads the bytes then', async () => {
    const mediaId = await t.ready();
    const { _id: messageId, media } = await t.send(mediaId);
    await deleteMessage(t.ctx, { userId: 'alice', messageId, forEveryone: true, traceId: 't' });
    before = (call) => {
      if (call === 'remove') throw new Error('away');
    };
    await expect(upkeepMedia(t.ctx)).rejects.toThrow('away');
    before = () => {};
    t.clock.advance(2 * 60_000);
    await upkeep();
    expect(await t.files()).toEqual([]);
    const query = Object.fromEntries(new URL(media[0]?.url ?? '').searchParams);
    await expect(t.storage.openLink(mediaId, query)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('for oneself alone keeps the bytes', async () => {
    const mediaId = await t.ready();
    const { _id: messageId } = await t.send(mediaId);
    await deleteMessage(t.ctx, { userId: 'alice', messageId, forEveryone: false, traceId: 't' });
    t.clock.advance(60_000);
    await finishChanges(t.ctx);
    await upkeep();
    expect(await t.files()).toEqual([mediaId]);
  });

  it('while its thumbnail is made leaves neither', async () => {
    const mediaId = await t.ready('alice', 600);
    const { _id: messageId } = await t.send(mediaId);
    let deleted: Promise<unknown> | undefined;
    before = (call) => {
      if (call !== 'putThumbnail' || deleted) return;
      deleted = deleteMessage(t.ctx, { userId: 'alice', messageId, forEveryone: true, traceId: 't' }).then(upkeep);
    };
    await makeThumbnails(t.ctx);
    await deleted;
    t.clock.advance(2 * 60_000);
    await upkeep();
    t.clock.advance(25 * HOUR);
    await upkeep();
    expect(await t.files()).toEqual([]);
  });
});

describe('links', () => {
  it('are made afresh for each reading, and die at their time', async () => {
    const { _id } = await t.send(await t.ready());
    const read = async () => (await getMessage(t.ctx, 'bob', _id)).media[0];
    const first = await read();
    const open = (url: string | undefined) => {
      const { pathname, searchParams } = new URL(url ?? '');
      return t.storage.openLink(pathname.split('/').at(-1) ?? '', Object.fromEntries(searchParams));
    };
    t.clock.advance(899_000);
    expect((await open(first?.url)).contentType).toBe('image/png');
    t.clock.advance(2_000);
    await expect(open(first?.url)).rejects.toMatchObject({ code: 'MEDIA_LINK_EXPIRED', status: 410 });
    const second = await read();
    expect(Date.parse(second?.expiresAt ?? '')).toBeGreaterThan(t.clock.now() + 890_000);
    expect((await open(second?.url)).contentType).toBe('image/png');
  });

  it('in events are signed when they are published, by the relay too', async () => {
    const sent = await t.send(await t.ready());
    await t.ctx.published.drain();
    await t.store.db.collection('messages').updateMany({}, { $set: { unpublished: true } });
    t.clock.advance(HOUR);
    expect(await relayOutbox(t.ctx)).toBe(1);
    const [live, relayed] = t.events
      .filter((event) => event.event === 'new:message')
      .map((event) => JSON.parse(event.payload).message.media[0]);
    expect(live).toEqual(sent.media[0]);
    expect(Date.parse(relayed.expiresAt) - Date.parse(live.expiresAt)).toBeGreaterThanOrEqual(HOUR);
  });

  it('an upload ticket dies at its time', async () => {
    const body = { filename: 'x.txt', contentType: 'text/plain', size: 5, conversationId: t.conversationId };
    const { mediaId, uploadUrl } = await createUpload(t.ctx, { userId: 'alice', body });
    const query = Object.fromEntries(new URL(uploadUrl).searchParams);
    t.clock.advance(900_000);
    expect(() => t.storage.openTicket(mediaId, query)).toThrow(expect.objectContaining({ code: 'MEDIA_LINK_EXPIRED' }));
  });
});

describe('bytes that were checked', () => {
  it('cannot be exchanged: a second upload with the ticket is refused, before and after the check', async () => {
    const body = { filename: 'x.txt', contentType: 'text/plain', size: 5, conversationId: t.conversationId };
    const { mediaId, uploadUrl } = await createUpload(t.ctx, { userId: 'alice', body });
    const upload = t.storage.openTicket(mediaId, Object.fromEntries(new URL(uploadUrl).searchParams));
    await t.storage.receive(upload, chunks(Buffer.from('first')));
    await expect(t.storage.receive(upload, chunks(Buffer.from('later')))).rejects.toMatchObject({ code: 'CONFLICT' });
    const sent = await t.send(mediaId, { media: [{ mediaId, type: 'file' }] });
    expect(sent.media[0]?.filename).toBe('x.txt');
    await t.storage.receive(upload, chunks(Buffer.from('again')));
    const source = await t.storage.open({ id: mediaId } as never);
    expect(Buffer.from((await source?.read(0, 4)) ?? []).toString()).toBe('first');
  });

  it('fewer or more than the ticket says leave nothing', async () => {
    const body = { filename: 'x.txt', contentType: 'text/plain', size: 5, conversationId: t.conversationId };
    const { mediaId, uploadUrl } = await createUpload(t.ctx, { userId: 'alice', body });
    const upload = t.storage.openTicket(mediaId, Object.fromEntries(new URL(uploadUrl).searchParams));
    const send = (text: string) => t.storage.receive(upload, chunks(Buffer.from(text), 2));
    await expect(send('four')).rejects.toMatchObject({ code: 'MEDIA_CONTENT_MISMATCH' });
    await expect(send('sixsix')).rejects.toMatchObject({ code: 'MEDIA_TOO_LARGE' });
    expect(await t.files()).toEqual([]);
  });
});

describe('a check that refuses its upload', () => {
  /** The next check finds what `meanwhile` leaves, and then refuses. */
  const refusedAfter = async (mediaId: string, meanwhile: (media: StoredMedia) => Promise<unknown>) => {
    const [media, { media: parts }] = [await t.store.media.findById(mediaId), t.ctx];
    if (!media || !parts) throw new Error('no media');
    const { inspector } = parts;
    const inspect = async () => {
      parts.inspector = inspector;
      await meanwhile(media);
      throw new ChatError('MEDIA_CONTENT_MISMATCH');
    };
    parts.inspector = { ...inspector, inspect };
    await expect(checkUpload(t.ctx, media)).rejects.toMatchObject({ code: 'MEDIA_CONTENT_MISMATCH' });
  };

  it('leaves the bytes that another one accepted meanwhile', async () => {
    const mediaId = await t.upload();
    await refusedAfter(mediaId, (media) => checkUpload(t.ctx, media));
    expect([await state(mediaId), await t.files()]).toEqual(['ready', [mediaId]]);
    expect((await t.send(mediaId)).media).toHaveLength(1);
  });

  it('removes them where another one that refused it died before that', async () => {
    const mediaId = await t.upload();
    await refusedAfter(mediaId, ({ id }) =>
      t.store.media.move(id, 'pending', 'deleting', new Date(t.clock.now() + HOUR)),
    );
    expect([await state(mediaId), await t.files()]).toEqual(['deleting', []]);
  });
});

describe('limits', () => {
  const ask = (userId: string, size = 100) =>
    createUpload(t.ctx, {
      userId,
      body: { filename: 'x.txt', contentType: 'text/plain', size, conversationId: t.conversationId },
    });

  it('ten tickets a minute and user', async () => {
    for (let i = 0; i < 10; i++) await ask('alice');
    await expect(ask('alice')).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: expect.any(Number) });
    await ask('bob');
  });

  it('bytes and files a day, and again a day later', async () => {
    t.policy.dailyBytes = 1_000;
    await ask('alice', 900);
    await expect(ask('alice', 101)).rejects.toMatchObject({ code: 'RATE_LIMITED', status: 429 });
    await ask('alice', 100);
    t.policy.dailyBytes = 1_000_000;
    t.policy.dailyFiles = 2;
    await expect(ask('alice')).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    t.clock.advance(25 * HOUR);
    await upkeep();
    await ask('alice');
  });

  it('at once, tickets cannot pass the quota together', async () => {
    t.policy.dailyBytes = 1_000;
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => ask('alice', 400)));
    expect(results.filter((result) => result.status === 'fulfilled').length).toBeLessThanOrEqual(2);
  });

  it('bytes stored in all; deleting makes room', async () => {
    const mediaId = await t.ready();
    const { size = 0 } = (await t.send(mediaId)).media[0] ?? {};
    t.policy.userBytes = size + 50;
    await expect(ask('alice', 51)).rejects.toMatchObject({ code: 'MEDIA_QUOTA_EXCEEDED', status: 403 });
    const [row] = await t.store.messages.findUnpublished(new Date(Date.now() + HOUR), 1);
    const messageId = row?.id ?? (await t.store.messages.newest(t.conversationId))?.id ?? '';
    await deleteMessage(t.ctx, { userId: 'alice', messageId, forEveryone: true, traceId: 't' });
    await ask('alice', 51);
  });
});

it('a send without uploads asks nothing of the media', async () => {
  const calls: string[] = [];
  const media = new Proxy(t.store.media, {
    get: (_target, name) => () => {
      calls.push(String(name));
      throw new Error('not expected');
    },
  });
  const ctx = { ...t.ctx, store: { ...t.store, media } };
  const body = { conversationId: t.conversationId, text: 'hello' };
  await sendMessage(ctx, { senderId: 'alice', traceId: 't', body });
  const external = { url: 'https://example.com/a.png', type: 'image' as const };
  const sent = await sendMessage(ctx, { senderId: 'alice', traceId: 't', body: { ...body, media: [external] } });
  await deleteMessage(ctx, { userId: 'alice', messageId: sent._id, forEveryone: true, traceId: 't' });
  expect(calls).toEqual([]);
});
