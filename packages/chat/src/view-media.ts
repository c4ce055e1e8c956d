import type { MediaItem } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import type { StoredMediaItem } from './model.ts';
import type { MediaFile } from './ports/media.ts';

export type SigningContext = Pick<ChatContext, 'media' | 'clock'>;

const NONE: MediaItem[] = [];

/**
 * Media as readers get it: uploads with links of this moment. Call it only for somebody who may see the message.
 * Uploads are left out where the deployment takes none any more: there is nobody to sign for them.
 */
export async function viewMedia(ctx: SigningContext, items: readonly StoredMediaItem[]): Promise<MediaItem[]> {
  if (items.length === 0) return NONE;
  const views = await Promise.all(items.map((item) => viewItem(ctx, item)));
  return views.filter((view) => view !== null);
}

async function viewItem({ media, clock }: SigningContext, item: StoredMediaItem): Promise<MediaItem | null> {
  const { mediaId, contentType, thumbnail, url, ...shown } = item;
  if (mediaId === undefined) return url === undefined ? null : { url, ...shown };
  if (!media) return null;
  const file: MediaFile = {
    id: mediaId,
    kind: item.type,
    contentType: contentType ?? 'application/octet-stream',
    filename: item.filename ?? 'file',
    size: item.size ?? 0,
  };
  const expiresAt = new Date(clock.now() + media.policy.linkSeconds * 1_000);
  const [signed, thumbnailUrl] = await Promise.all([
    media.storage.link(file, 'original', expiresAt),
    thumbnail ? media.storage.link(file, 'thumbnail', expiresAt) : undefined,
  ]);
  media.meter?.linked('original');
  if (thumbnail) media.meter?.linked('thumbnail');
  return {
    url: signed,
    ...shown,
    mediaId,
    expiresAt: expiresAt.toISOString(),
    ...(thumbnailUrl !== undefined && { thumbnailUrl }),
  };
}
