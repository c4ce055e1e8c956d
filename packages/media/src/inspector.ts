import type { MediaFacts, MediaFile, MediaInspector, MediaSource } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { fileTypeFromTokenizer } from 'file-type';
import { isContentOf, isTextType } from './content-types.ts';
import { durationOf } from './duration.ts';
import { type ImageHeader, placeholderOf, readImageHeader, shownSize, thumbnailOf } from './image.ts';
import { secondNature } from './polyglot.ts';
import { SourceTokenizer } from './source-tokenizer.ts';

export interface InspectorOptions {
  /** Width times height of an image at most. */
  maxPixels: number;
}

/** Looks at bytes with `file-type`, `sharp` and `music-metadata`; reads a few hundred KB of a file, all of it only of images. */
export function createInspector({ maxPixels }: InspectorOptions): MediaInspector {
  return {
    async inspect(source, file) {
      await checkType(source, file);
      if (file.kind === 'file') return {};
      const second = await secondNature(source);
      if (second) throw mismatch(`is ${file.contentType} and ${second} at the same time`);
      if (file.kind === 'image') return inspectImage(source, file, maxPixels);
      const duration = await durationOf(source, file.contentType);
      return duration === undefined ? {} : { duration };
    },
    async thumbnail(source, file) {
      if (!isDecodable(file)) return null;
      try {
        return await thumbnailOf(source, maxPixels);
      } catch (error) {
        if (error instanceof ChatError) throw error;
        // It was decoded once, for its placeholder: what fails now will fail again.
        return null;
      }
    },
  };
}

const mismatch = (reason: string) => new ChatError('MEDIA_CONTENT_MISMATCH', { reason: `The file ${reason}` });

async function checkType(source: MediaSource, { contentType }: MediaFile): Promise<void> {
  const detected = (await fileTypeFromTokenizer(new SourceTokenizer(source)))?.mime;
  if (!isContentOf(contentType, detected)) {
    throw mismatch(`is ${detected ?? 'of no known type'}, and its ticket says ${contentType}`);
  }
  if (isTextType(contentType) && !(await isText(source)))
    throw mismatch(`is no text, and its ticket says ${contentType}`);
}

/** Bytes of a text that are looked at. */
const TEXT_SAMPLE = 64 * 1024;

async function isText(source: MediaSource): Promise<boolean> {
  const bytes = await source.read(0, Math.min(TEXT_SAMPLE, source.size) - 1);
  if (bytes.includes(0)) return false;
  try {
    // a character may be cut at the end of the sample: `stream` leaves it for later
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: bytes.length < source.size });
    return true;
  } catch {
    return false;
  }
}

/** HEIC is recognised, and not decoded: its patents keep the decoder out of the library. */
const isDecodable = ({ contentType }: MediaFile): boolean =>
  ['image/jpeg', 'image/png', 'image/gif', 'image/webp', 'image/avif'].includes(contentType);

async function inspectImage(source: MediaSource, file: MediaFile, maxPixels: number): Promise<MediaFacts> {
  const header = await readImageHeader(source);
  if (!header) {
    if (isDecodable(file)) throw mismatch('cannot be read as an image');
    return {};
  }
  checkPixels(header, maxPixels);
  if (!isDecodable(file)) return shownSize(header);
  try {
    return { ...shownSize(header), placeholder: await placeholderOf(source, maxPixels) };
  } catch (error) {
    if (error instanceof ChatError) throw error;
    throw mismatch('cannot be decoded as an image');
  }
}

function checkPixels({ width, height }: ImageHeader, most: number): void {
  if (width * height <= most) return;
  throw new ChatError('MEDIA_TOO_MANY_PIXELS', {
    reason: `The image has ${width} x ${height} pixels; at most ${most} are taken`,
  });
}
