import type { MediaItem, MediaKind, MessageType } from '@confab/contracts';

/** A file that was uploaded here: the server knows the rest of it. */
export interface UploadedMedia {
  mediaId: string;
  type: MediaKind;
  filename?: string;
  size?: number;
}

/** What a message may carry: a file that was uploaded, or one that is somewhere else already. */
export type MediaInput = UploadedMedia | MediaItem;

/** The kind that a content type is shown as. */
export function kindOf(contentType: string): MediaKind {
  const kind = contentType.split('/')[0];
  return kind === 'image' || kind === 'video' || kind === 'audio' ? kind : 'file';
}

/** The message type that goes with some media: their common kind, or `file`. */
export function messageTypeOf(media: readonly MediaInput[]): MessageType {
  const kinds = new Set(media.map((item) => item.type));
  if (kinds.size === 0) return 'text';
  return kinds.size === 1 ? (media[0] as MediaInput).type : 'file';
}
