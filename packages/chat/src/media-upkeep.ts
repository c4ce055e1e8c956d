import type { ChatContext } from './context.ts';
import { DAY_MS, mediaParts } from './create-upload.ts';
import type { StoredMedia } from './ports/media.ts';

type UpkeepContext = Pick<ChatContext, 'store' | 'media' | 'clock' | 'log'>;

/** Rows of one run. */
const BATCH = 50;
/** Milliseconds for which a worker has a row: longer than any deletion takes; after a crash another one takes it up then. */
const LEASE_MS = 60_000;
/** The same for a thumbnail, whose image may have to be fetched. */
const THUMBNAIL_LEASE_MS = 120_000;
/** Milliseconds after which a claim whose message is not there is looked at again. */
const RECHECK_MS = 10 * 60_000;

/**
 * One run over everything that is due: removes the bytes of what was deleted, refused or never used, and settles what messages claimed. Every step may
 * be repeated, so a crash anywhere leaves it to the next run.
 * @returns how many rows moved
 * @throws ChatError UNAVAILABLE while store or storage is away
 */
export async function upkeepMedia(ctx: UpkeepContext): Promise<number> {
  const due = await ctx.store.media.due(new Date(ctx.clock.now()), BATCH);
  const outcomes = await Promise.allSettled(due.map((media) => settle(ctx, media)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed) throw failed.reason;
  return outcomes.length;
}

async function settle(ctx: UpkeepContext, media: StoredMedia): Promise<void> {
  const now = ctx.clock.now();
  if (!(await ctx.store.media.lease(media, new Date(now + LEASE_MS)))) return;
  if (media.state === 'claimed') return settleClaim(ctx, media);
  if (media.state === 'pending' || media.state === 'ready') {
    // Condemned first: from here on no message can claim it.
    const condemned = await ctx.store.media.move(media.id, media.state, 'deleting', new Date(now + LEASE_MS));
    if (!condemned) return;
  }
  const { storage, meter } = mediaParts(ctx);
  await storage.remove(media);
  if (media.state !== 'deleted') meter?.removed(media, reasonOf(media));
  if (media.state === 'deleted') return ctx.store.media.remove(media.id);
  const forgetAt = new Date(Math.max(now + LEASE_MS, media.createdAt.getTime() + DAY_MS));
  await ctx.store.media.move(media.id, 'deleting', 'deleted', forgetAt);
}

/** Why an upload's bytes go. A refused one went before, and is looked for once more when its ticket has ended. */
const reasonOf = ({ state, messageIds }: StoredMedia) =>
  state !== 'deleting' ? 'unused' : messageIds.length > 0 ? 'deleted' : 'refused';

async function settleClaim(ctx: UpkeepContext, media: StoredMedia): Promise<void> {
  const now = ctx.clock.now();
  const messages = await ctx.store.messages.findByIds(media.conversationId, media.messageIds);
  const message = messages.find((m) => m.media.some((item) => item.mediaId === media.id));
  if (message) {
    await ctx.store.media.move(media.id, 'claimed', 'attached', null);
    if (media.thumbnail === 'made') await ctx.store.messages.setThumbnail(media.messageIds, media.id);
    return;
  }
  const emptied = messages.some((m) => m.deletedAt !== null);
  const abandoned = now - media.createdAt.getTime() > 2 * DAY_MS;
  if (emptied || abandoned) await ctx.store.media.move(media.id, 'claimed', 'deleting', new Date(now));
  else await ctx.store.media.move(media.id, 'claimed', 'claimed', new Date(now + RECHECK_MS));
}

/**
 * Makes the thumbnails that are due.
 * @returns how many it made
 */
export async function makeThumbnails(ctx: UpkeepContext): Promise<number> {
  const now = new Date(ctx.clock.now());
  let made = 0;
  for (const media of await ctx.store.media.dueThumbnails(now, BATCH)) {
    const mine = await ctx.store.media.leaseThumbnail(media, new Date(ctx.clock.now() + THUMBNAIL_LEASE_MS));
    if (mine && (await meteredThumbnail(ctx, media))) made++;
  }
  return made;
}

async function meteredThumbnail(ctx: UpkeepContext, media: StoredMedia): Promise<boolean> {
  const { meter } = mediaParts(ctx);
  try {
    const made = await makeThumbnail(ctx, media);
    meter?.thumbnail(made ? 'made' : 'none');
    return made;
  } catch (error) {
    meter?.thumbnail('failed');
    throw error;
  }
}

async function makeThumbnail(ctx: UpkeepContext, media: StoredMedia): Promise<boolean> {
  const { storage, inspector } = mediaParts(ctx);
  const source = await storage.open(media);
  const bytes = source && (await inspector.thumbnail(source, media));
  if (bytes) await storage.putThumbnail(media, bytes);
  const after = await ctx.store.media.endThumbnail(media.id, bytes ? 'made' : 'none');
  // Deleted meanwhile: the removal came before the thumbnail did, so it is repeated.
  if (!after || after.state === 'deleting' || after.state === 'deleted') await storage.remove(media);
  else if (bytes && after.messageIds.length > 0) await ctx.store.messages.setThumbnail(after.messageIds, media.id);
  return bytes !== null;
}
