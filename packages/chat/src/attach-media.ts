import { ChatError, type MediaInput } from '@confab/contracts';
import { checkUpload } from './complete-upload.ts';
import type { ChatContext } from './context.ts';
import { DAY_MS, mediaParts } from './create-upload.ts';
import { checkExternal } from './media-policy.ts';
import type { StoredMediaItem } from './model.ts';
import type { StoredMedia } from './ports/media.ts';

/** Milliseconds after which the worker looks whether a message that claimed an upload was stored. Source: as HOLE_AGE_MS, and more. */
const CONFIRM_AFTER_MS = 30_000;

export interface Attachment {
  /** As the message keeps them, in the order in which it named them. */
  items: StoredMediaItem[];
  /** Gives the uploads back: the message will not be stored. */
  release(): Promise<void>;
}

export interface AttachRequest {
  senderId: string;
  conversationId: string;
  media: readonly MediaInput[];
  messageId: string;
  clientMessageId: string | null;
}

const nothingToRelease = async () => {};

/**
 * Says which media a message carries. Uploads are claimed for it; plain URLs cost no query.
 * @throws ChatError VALIDATION_FAILED (neither or both of url and mediaId, a URL that may not be named, the wrong kind), NOT_FOUND (no unused
 *   upload of the sender in this conversation: another user's, a used one and an unknown one alike), and what the check of the bytes throws
 */
export async function attachMedia(ctx: ChatContext, request: AttachRequest): Promise<Attachment> {
  for (const [index, item] of request.media.entries()) checkItem(ctx, item, index);
  const named = request.media.flatMap((item) => item.mediaId ?? []);
  if (named.length === 0) return { items: request.media.map(externalItem), release: nothingToRelease };
  if (new Set(named).size < named.length) {
    throw new ChatError('VALIDATION_FAILED', { field: 'media', reason: 'names one upload twice' });
  }
  const claimed = new Map<string, StoredMedia>();
  const release = () => releaseAll(ctx, request, [...claimed.values()]);
  try {
    for (const [index, item] of request.media.entries()) {
      if (item.mediaId !== undefined) claimed.set(item.mediaId, await claimUpload(ctx, request, item, index));
    }
  } catch (error) {
    await release();
    throw error;
  }
  const items = request.media.map((item) => {
    const upload = item.mediaId === undefined ? undefined : claimed.get(item.mediaId);
    return upload ? uploadItem(upload) : externalItem(item);
  });
  return { items, release };
}

function checkItem(ctx: ChatContext, item: MediaInput, index: number): void {
  const at = `media/${index}`;
  if (item.url !== undefined && item.mediaId !== undefined) {
    throw new ChatError('VALIDATION_FAILED', { field: at, reason: 'has a url or a mediaId, not both' });
  }
  if (item.mediaId !== undefined) return;
  if (item.url === undefined) {
    throw new ChatError('VALIDATION_FAILED', { field: `${at}/url`, reason: 'is required, or a mediaId' });
  }
  checkExternal(ctx.settings.externalMedia, item.url, `${at}/url`);
}

const claimOf = ({ clientMessageId, messageId }: AttachRequest) =>
  clientMessageId === null ? `message:${messageId}` : `client:${clientMessageId}`;

async function claimUpload(
  ctx: ChatContext,
  request: AttachRequest,
  item: MediaInput,
  index: number,
): Promise<StoredMedia> {
  const { senderId, conversationId, messageId } = request;
  const field = `media/${index}/mediaId`;
  const unknown = () =>
    new ChatError('NOT_FOUND', { field, reason: 'is no unused upload of the sender in this conversation' });
  mediaParts(ctx);
  const found = await ctx.store.media.findById(item.mediaId ?? '');
  if (found?.ownerId !== senderId || found.conversationId !== conversationId) throw unknown();
  if (found.state === 'deleting' || found.state === 'deleted') throw unknown();
  if (found.kind !== item.type) {
    throw new ChatError('VALIDATION_FAILED', {
      field: `media/${index}/type`,
      reason: `this upload is of type ${found.kind}`,
    });
  }
  if (found.state === 'pending') await checkUpload(ctx, found);
  const claim = {
    ownerId: senderId,
    conversationId,
    claim: claimOf(request),
    messageId,
    dueAt: new Date(ctx.clock.now() + CONFIRM_AFTER_MS),
  };
  const claimed = await ctx.store.media.claim(found.id, claim);
  if (!claimed) throw unknown();
  return claimed;
}

async function releaseAll(ctx: ChatContext, request: AttachRequest, uploads: readonly StoredMedia[]): Promise<void> {
  const dueAt = new Date(ctx.clock.now() + DAY_MS);
  for (const { id } of uploads) {
    await ctx.store.media.release(id, { claim: claimOf(request), messageId: request.messageId }, dueAt);
  }
}

function externalItem({ url, type, filename, size }: MediaInput): StoredMediaItem {
  return { url, type, ...(filename !== undefined && { filename }), ...(size !== undefined && { size }) };
}

function uploadItem({ id, kind, filename, size, contentType, facts, thumbnail }: StoredMedia): StoredMediaItem {
  return {
    mediaId: id,
    type: kind,
    filename,
    size,
    contentType,
    ...facts,
    ...(thumbnail === 'made' && { thumbnail: true }),
  };
}
