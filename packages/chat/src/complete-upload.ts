import { ChatError, type CompletedUpload } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { mediaParts } from './create-upload.ts';
import type { MediaFacts, MediaSource, StoredMedia } from './ports/media.ts';

type UploadContext = Pick<ChatContext, 'store' | 'media' | 'clock' | 'log'>;

/** Milliseconds after a ticket's end at which the place of a refused upload is cleared once more: uploads that began before then are over. */
const AFTER_TICKET_MS = 60_000;

/**
 * Checks what the caller uploaded, and makes it permanent. Repeating it changes nothing.
 * @throws ChatError NOT_FOUND (unknown, another user's, refused or collected before), MEDIA_NOT_UPLOADED, MEDIA_CONTENT_MISMATCH,
 *   MEDIA_TOO_MANY_PIXELS; where it refuses the content, the bytes are gone
 */
export async function completeUpload(
  ctx: UploadContext,
  request: { userId: string; mediaId: string },
): Promise<CompletedUpload> {
  mediaParts(ctx);
  const media = await ctx.store.media.findById(request.mediaId);
  if (!media || media.ownerId !== request.userId) throw new ChatError('NOT_FOUND');
  const { id, kind, filename, size, contentType, facts } = await checkUpload(ctx, media);
  return { mediaId: id, type: kind, filename, size, contentType, ...facts };
}

/**
 * The check itself, for whoever may ask for it.
 * @returns the upload as it is after it
 * @throws ChatError as completeUpload
 */
export async function checkUpload(ctx: UploadContext, media: StoredMedia): Promise<StoredMedia> {
  if (media.state === 'deleting' || media.state === 'deleted') throw new ChatError('NOT_FOUND');
  if (media.state !== 'pending') return media;
  const { meter } = mediaParts(ctx);
  try {
    return await checkPending(ctx, media);
  } catch (error) {
    meter?.checked(media, error instanceof ChatError ? error.code : 'INTERNAL');
    throw error;
  }
}

async function checkPending(ctx: UploadContext, media: StoredMedia): Promise<StoredMedia> {
  const { storage, meter } = mediaParts(ctx);
  const source = await storage.uploaded(media);
  if (!source) return settledMeanwhile(ctx, media);
  const facts = await inspectOrRefuse(ctx, media, source);
  await storage.accept(media, source.version);
  const thumbnail = media.kind === 'image' && facts.width !== undefined ? 'wanted' : 'none';
  const moved = await ctx.store.media.markReady(media.id, facts, thumbnail, new Date(ctx.clock.now()));
  // What is left there has been copied; if this fails, the collector removes it with the rest.
  await storage.discard(media).catch((error: unknown) => ctx.log.warn({ err: error }, 'incoming upload not discarded'));
  if (!moved) return settledMeanwhile(ctx, media);
  meter?.checked(media, 'accepted');
  return { ...media, state: 'ready', facts, thumbnail };
}

/** Somebody else checked it between our two looks, or nothing was uploaded. */
async function settledMeanwhile(ctx: UploadContext, media: StoredMedia): Promise<StoredMedia> {
  const now = await ctx.store.media.findById(media.id);
  if (!now || now.state === 'deleting' || now.state === 'deleted') throw new ChatError('NOT_FOUND');
  if (now.state === 'pending') throw new ChatError('MEDIA_NOT_UPLOADED', { retryAfter: 1 });
  return now;
}

async function inspectOrRefuse(ctx: UploadContext, media: StoredMedia, source: MediaSource): Promise<MediaFacts> {
  const { inspector } = mediaParts(ctx);
  try {
    if (source.size !== media.size) {
      const reason = `has ${source.size} bytes where the ticket says ${media.size}`;
      throw new ChatError(source.size > media.size ? 'MEDIA_TOO_LARGE' : 'MEDIA_CONTENT_MISMATCH', { reason });
    }
    return await inspector.inspect(source, media);
  } catch (error) {
    if (error instanceof ChatError && error.code.startsWith('MEDIA_')) await refuseUpload(ctx, media);
    throw error;
  }
}

/**
 * Removes the bytes now, and once more when the ticket can no longer write; from here on the upload is unknown. Where another check accepted what came
 * before or after these bytes, that stays, and only what came in goes.
 */
export async function refuseUpload(ctx: UploadContext, media: StoredMedia): Promise<void> {
  const again = new Date(Math.max(ctx.clock.now(), media.ticketExpiresAt.getTime() + AFTER_TICKET_MS));
  // The state first: a crash in between leaves the removal to the worker.
  const condemned = await ctx.store.media.move(media.id, 'pending', 'deleting', again);
  const { storage, meter } = mediaParts(ctx);
  // Whoever condemned it may have died before the removal.
  const goes = condemned || (await ctx.store.media.findById(media.id))?.state === 'deleting';
  if (!goes) return storage.discard(media);
  await storage.remove(media);
  if (condemned) meter?.removed(media, 'refused');
}
