import { checkUpload, deleteMessage, finishChanges, makeThumbnails, upkeepMedia } from '@confab/chat';
import { createMediaMetrics, Registry } from '@confab/service-kit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type MediaFixture, startMediaFixture } from './fixture.ts';

const DAY = 24 * 3_600_000;
let t: MediaFixture;
let registry: Registry;

beforeEach(async () => {
  t = await startMediaFixture();
  registry = new Registry();
  if (t.ctx.media) t.ctx.media.meter = createMediaMetrics(registry, 'local');
});
afterEach(() => t.close());

/** The values of a metric that are not 0, by their labels other than the storage. */
async function counted(name: string): Promise<Record<string, number>> {
  const metric = await registry.getSingleMetric(`confab_media_${name}_total`)?.get();
  const values = metric?.values.filter(({ value }) => value > 0) ?? [];
  return Object.fromEntries(
    values.map(({ labels: { storage, ...labels }, value }) => {
      expect(storage).toBe('local');
      return [Object.values(labels).join(' '), value];
    }),
  );
}

const upkeep = async () => {
  while ((await upkeepMedia(t.ctx)) > 0);
};

it('an upload is counted once as accepted, with its bytes, however often it is asked for', async () => {
  const mediaId = await t.ready();
  const media = await t.store.media.findById(mediaId);
  if (media) await checkUpload(t.ctx, media);
  await t.send(mediaId);
  expect(await counted('tickets')).toEqual({ image: 1 });
  expect(await counted('uploads')).toEqual({ 'image accepted': 1 });
  expect(await counted('upload_bytes')).toEqual({ image: media?.size });
  expect(await counted('links')).toEqual({ original: 1 });
});

it('a refused one is counted with its code, and as removed', async () => {
  const mediaId = await t.upload('alice', 1_001);
  const media = await t.store.media.findById(mediaId);
  if (media) await expect(checkUpload(t.ctx, media)).rejects.toMatchObject({ code: 'MEDIA_TOO_MANY_PIXELS' });
  expect(await counted('uploads')).toEqual({ 'image MEDIA_TOO_MANY_PIXELS': 1 });
  expect(await counted('removals')).toEqual({ refused: 1 });
  expect(await counted('upload_bytes')).toEqual({});
});

it('thumbnails, what nobody used, and what went with its message', async () => {
  const [unused, used] = [await t.ready(), await t.ready()];
  const message = await t.send(used);
  while ((await makeThumbnails(t.ctx)) > 0);
  expect(await counted('thumbnails')).toEqual({ made: 2 });
  await deleteMessage(t.ctx, { userId: 'alice', messageId: message._id, forEveryone: true, traceId: 't' });
  await finishChanges(t.ctx);
  await upkeep();
  expect(await counted('removals')).toEqual({ deleted: 1 });
  t.clock.advance(2 * DAY);
  await upkeep();
  expect((await t.store.media.findById(unused))?.state ?? 'deleted').toBe('deleted');
  expect(await counted('removals')).toEqual({ deleted: 1, unused: 1 });
  expect((await counted('removed_bytes')).deleted).toBeGreaterThan(0);
});

it('a thumbnail that cannot be made now is counted as failed, and made later', async () => {
  await t.ready();
  const storage = t.ctx.media?.storage;
  if (!t.ctx.media || !storage) throw new Error('no media');
  const away = new Error('the storage is away');
  t.ctx.media.storage = { ...storage, putThumbnail: () => Promise.reject(away) };
  await expect(makeThumbnails(t.ctx)).rejects.toBe(away);
  expect(await counted('thumbnails')).toEqual({ failed: 1 });
  t.ctx.media.storage = storage;
  t.clock.advance(10 * 60_000);
  expect(await makeThumbnails(t.ctx)).toBe(1);
  expect(await counted('thumbnails')).toEqual({ failed: 1, made: 1 });
});
