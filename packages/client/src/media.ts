import type { MediaInput, MediaKind, MessageType } from '@confab/contracts';

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
