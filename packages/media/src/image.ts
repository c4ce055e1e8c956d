import { Readable } from 'node:stream';
import type { MediaFacts, MediaSource } from '@confab/chat';
import sharp, { type OutputInfo, type Sharp } from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';

// Only the decoders of the types that are taken: the library has many more (SVG, PDF, TIFF, raw ...), each a surface of its own.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpeg',
    'VipsForeignLoadPng',
    'VipsForeignLoadNsgif',
    'VipsForeignLoadWebp',
    'VipsForeignLoadHeif',
  ],
});
// Memory before speed: decoded images are not kept.
sharp.cache(false);

/** Sides of the placeholder's source and of thumbnails, in pixels. Source: ThumbHash takes at most 100; the page shows images at most 512 wide. */
const PLACEHOLDER_SIDE = 100;
const THUMBNAIL_SIDE = 512;
/** Bytes in which every format's header lies; where it does not (a long colour profile), the whole file is read. */
const HEADER_BYTES = 512 * 1024;
/** Images decoded at the same time in one process; one takes up to 4 bytes a pixel. */
const AT_ONCE = 2;

export interface ImageHeader {
  format: string;
  /** As stored. */
  width: number;
  height: number;
  /** 1 to 8, as Exif counts; 5 and above lie on their side. */
  orientation: number;
}

/** The image's own words about itself; nothing is decoded. Null if they are not those of an image. */
export async function readImageHeader(source: MediaSource): Promise<ImageHeader | null> {
  const head = Buffer.from(await source.read(0, Math.min(HEADER_BYTES, source.size) - 1));
  return (await headerOf(head)) ?? (source.size > HEADER_BYTES ? headerOf(await wholeOf(source)) : null);
}

async function headerOf(bytes: Buffer): Promise<ImageHeader | null> {
  try {
    const { format, width, height, orientation } = await sharp(bytes, {
      limitInputPixels: false,
      failOn: 'none',
    }).metadata();
    return { format: format ?? '', width, height, orientation: orientation ?? 1 };
  } catch {
    // Whatever its words are: it is not an image that can be read here, and that is the answer.
    return null;
  }
}

async function wholeOf(source: MediaSource): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source.stream()) parts.push(part);
  return Buffer.concat(parts);
}

export function shownSize({ width, height, orientation }: ImageHeader): Required<Pick<MediaFacts, 'width' | 'height'>> {
  return orientation >= 5 ? { width: height, height: width } : { width, height };
}

const slots = { free: AT_ONCE, waiting: [] as (() => void)[] };

async function withSlot<T>(work: () => Promise<T>): Promise<T> {
  if (slots.free === 0) await new Promise<void>((resolve) => slots.waiting.push(resolve));
  else slots.free--;
  try {
    return await work();
  } finally {
    const next = slots.waiting.shift();
    if (next) next();
    else slots.free++;
  }
}

const decoder = (pixelLimit: number) => sharp({ limitInputPixels: pixelLimit, failOn: 'error', sequentialRead: true });

/** Decodes the image to a blurred placeholder (ThumbHash, base64). @throws if it cannot be decoded */
export function placeholderOf(source: MediaSource, pixelLimit: number): Promise<string> {
  return withSlot(async () => {
    const side = {
      width: PLACEHOLDER_SIDE,
      height: PLACEHOLDER_SIDE,
      fit: 'inside',
      withoutEnlargement: true,
    } as const;
    const pipeline = decoder(pixelLimit).autoOrient().resize(side).ensureAlpha().toColourspace('srgb').raw();
    const { data, info } = await run(source, pipeline);
    return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64');
  });
}

/** A WebP of at most 512 pixels a side, without the original's metadata (place, camera). @throws if it cannot be decoded */
export function thumbnailOf(source: MediaSource, pixelLimit: number): Promise<Uint8Array> {
  return withSlot(async () => {
    const side = { width: THUMBNAIL_SIDE, height: THUMBNAIL_SIDE, fit: 'inside', withoutEnlargement: true } as const;
    return (await run(source, decoder(pixelLimit).autoOrient().resize(side).webp({ quality: 75 }))).data;
  });
}

async function run(source: MediaSource, pipeline: Sharp): Promise<{ data: Buffer; info: OutputInfo }> {
  const input = Readable.from(source.stream());
  input.once('error', (error) => pipeline.destroy(error));
  try {
    return await input.pipe(pipeline).toBuffer({ resolveWithObject: true });
  } finally {
    input.destroy();
  }
}
