import { ChatError, type CreateUploadBody, type MediaConfig, type UploadTicket } from '@confab/contracts';
import { conversationFor } from './access.ts';
import type { ChatContext } from './context.ts';
import { checkAgainstPolicy, type MediaParts, type MediaPolicy, plainType } from './media-policy.ts';
import type { StoredMedia } from './ports/media.ts';
import { safeFilename } from './safe-filename.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** @throws ChatError NOT_FOUND where the deployment takes no uploads */
export function mediaParts(ctx: Pick<ChatContext, 'media'>): MediaParts {
  if (!ctx.media) throw new ChatError('NOT_FOUND', { reason: 'This deployment takes no uploads' });
  return ctx.media;
}

/** @throws ChatError NOT_FOUND */
export function mediaConfig(ctx: Pick<ChatContext, 'media'>): MediaConfig {
  const { policy } = mediaParts(ctx);
  const { image, video, audio, file } = policy.types;
  return {
    maxBytes: policy.maxBytes,
    types: { image: [...image], video: [...video], audio: [...audio], file: [...file] },
    linkSeconds: policy.linkSeconds,
    ticketsPerMinute: policy.ticketsPerMinute,
  };
}

/**
 * A ticket to upload one file for a message of this conversation.
 * @throws ChatError NOT_FOUND (no uploads here; conversation foreign or unknown), MEDIA_TYPE_NOT_ALLOWED, MEDIA_TOO_LARGE, RATE_LIMITED (a
 *   minute's tickets, a day's files or bytes), MEDIA_QUOTA_EXCEEDED
 */
export async function createUpload(
  ctx: ChatContext,
  request: { userId: string; body: CreateUploadBody },
): Promise<UploadTicket> {
  const { storage, policy, meter } = mediaParts(ctx);
  const { userId, body } = request;
  const contentType = plainType(body.contentType);
  const kind = checkAgainstPolicy(policy, contentType, body.size);
  await takeTicket(ctx, policy, userId);
  await conversationFor(ctx, userId, body.conversationId);
  const now = ctx.clock.now();
  const media: StoredMedia = {
    id: ctx.ids.objectId(),
    ownerId: userId,
    conversationId: body.conversationId,
    kind,
    contentType,
    filename: safeFilename(body.filename, contentType),
    size: body.size,
    state: 'pending',
    facts: {},
    claim: null,
    messageIds: [],
    thumbnail: 'none',
    dueAt: new Date(now + policy.unusedHours * HOUR_MS),
    thumbnailDueAt: null,
    ticketExpiresAt: new Date(now + policy.ticketSeconds * 1_000),
    createdAt: new Date(now),
  };
  // Counted with itself: of two at the same time neither can overlook the other.
  await ctx.store.media.insert(media);
  try {
    await checkQuota(ctx, policy, userId);
    const ticket = await storage.ticket(media, media.ticketExpiresAt);
    meter?.ticket(media);
    return { mediaId: media.id, ...ticket, expiresAt: media.ticketExpiresAt.toISOString() };
  } catch (error) {
    await ctx.store.media.remove(media.id);
    throw error;
  }
}

async function takeTicket(ctx: ChatContext, policy: MediaPolicy, userId: string): Promise<void> {
  const rule = { limit: policy.ticketsPerMinute, windowMs: 60_000 };
  const taken = await ctx.limiter.take(`uploads:${userId}`, rule, ctx.ids.token());
  if (taken.allowed) return;
  throw new ChatError('RATE_LIMITED', {
    retryAfter: taken.retryAfter,
    reason: `at most ${rule.limit} uploads a minute`,
  });
}

/** Seconds until a full day's quota is asked for again: the window slides, and an hour later there may be room. */
const QUOTA_RETRY_AFTER = 3_600;

async function checkQuota(ctx: ChatContext, policy: MediaPolicy, userId: string): Promise<void> {
  const usage = await ctx.store.media.usage(userId, new Date(ctx.clock.now() - DAY_MS));
  const daily = (reason: string) => new ChatError('RATE_LIMITED', { retryAfter: QUOTA_RETRY_AFTER, reason });
  if (usage.recentFiles > policy.dailyFiles) throw daily(`at most ${policy.dailyFiles} uploads in 24 hours`);
  if (usage.recentBytes > policy.dailyBytes) throw daily(`at most ${policy.dailyBytes} bytes of uploads in 24 hours`);
  if (usage.storedBytes > policy.userBytes) {
    const reason = `at most ${policy.userBytes} bytes of media: delete messages for everyone to make room`;
    throw new ChatError('MEDIA_QUOTA_EXCEEDED', { reason });
  }
}
