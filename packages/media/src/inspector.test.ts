import type { MediaFile, MediaSource } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createInspector } from './inspector.ts';

const inspector = createInspector({ maxPixels: 1_000_000 });

function sourceOf(bytes: Uint8Array): MediaSource & { bytesRead(): number } {
  let read = 0;
  return {
    size: bytes.length,
    version: '1',
    read: async (start, end) => {
      const part = bytes.subarray(start, end + 1);
      read += part.length;
      return part;
    },
    async *stream() {
      yield bytes;
    },
    bytesRead: () => read,
  };
}

const fileOf = (contentType: string, size: number): MediaFile => {
  const family = contentType.split('/')[0];
  const kind = family === 'image' || family === 'video' || family === 'audio' ? family : 'file';
  return { id: 'a'.repeat(24), kind, contentType, filename: 'f', size };
};
const inspect = (bytes: Uint8Array, contentType: string) =>
  inspector.inspect(sourceOf(bytes), fileOf(contentType, bytes.length));
const codeOf = (bytes: Uint8Array, contentType: string) =>
  inspect(bytes, contentType).then(
    () => 'ok',
    (error: unknown) => (error instanceof ChatError ? error.code : error),
  );
const picture = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: 200, g: 30, b: 90 } } });
const bytesOf = (text: string) => new TextEncoder().encode(text);

describe('images', () => {
  it.each([
    ['image/jpeg', 'jpeg'],
    ['image/png', 'png'],
    ['image/webp', 'webp'],
    ['image/gif', 'gif'],
    ['image/avif', 'avif'],
  ] as const)('%s: width, height and placeholder', async (contentType, format) => {
    const facts = await inspect(await picture(120, 80).toFormat(format).toBuffer(), contentType);
    expect(facts).toEqual({ width: 120, height: 80, placeholder: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) });
  });

  it('a photo that lies on its side has the size in which it is shown', async () => {
    const bytes = await picture(120, 80).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await inspect(bytes, 'image/jpeg')).toMatchObject({ width: 80, height: 120 });
  });

  it('a thumbnail is small, upright, and without the place where the photo was taken', async () => {
    const bytes = await picture(1_000, 500)
      .withExif({ IFD3: { GPSLatitudeRef: 'N' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const thumbnail = await inspector.thumbnail(sourceOf(bytes), fileOf('image/jpeg', bytes.length));
    const { format, width, height, exif } = await sharp(thumbnail as Uint8Array).metadata();
    expect({ format, width, height, exif }).toEqual({ format: 'webp', width: 256, height: 512, exif: undefined });
  });

  it('refuses more pixels than are taken, before it decodes one', async () => {
    expect(await codeOf(await picture(1_001, 1_000).png().toBuffer(), 'image/png')).toBe('MEDIA_TOO_MANY_PIXELS');
    expect(await codeOf(await picture(1_000, 1_000).png().toBuffer(), 'image/png')).toBe('ok');
  });

  it('refuses another format, markup, and what does not decode', async () => {
    const png = await picture(50, 50).png().toBuffer();
    expect(await codeOf(png, 'image/jpeg')).toBe('MEDIA_CONTENT_MISMATCH');
    expect(await codeOf(bytesOf('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/png')).toBe(
      'MEDIA_CONTENT_MISMATCH',
    );
    expect(await codeOf(bytesOf('GIF89a/*<script>*/=1;alert(1)'), 'image/gif')).toBe('MEDIA_CONTENT_MISMATCH');
    expect(await codeOf(png.subarray(0, png.length - 30), 'image/png')).toBe('MEDIA_CONTENT_MISMATCH');
  });

  it('takes a phone’s photo with something after its end that is no archive', async () => {
    const jpeg = await picture(50, 50).jpeg().toBuffer();
    expect(await codeOf(Buffer.concat([jpeg, jpeg]), 'image/jpeg')).toBe('ok');
  });
});

describe('other files', () => {
  it('text is text: no signature, no NUL, valid UTF-8, also where the sample cuts a character', async () => {
    expect(await codeOf(bytesOf('hello, 😀'), 'text/plain')).toBe('ok');
    expect(await codeOf(bytesOf(`a${'é'.repeat(64 * 1024)}`), 'text/plain')).toBe('ok');
    expect(await codeOf(bytesOf('nul\0'), 'text/plain')).toBe('MEDIA_CONTENT_MISMATCH');
    expect(await codeOf(Uint8Array.of(0xc3, 0x28, 0x41), 'text/csv')).toBe('MEDIA_CONTENT_MISMATCH');
    expect(await codeOf(bytesOf('%PDF-1.7\n'), 'text/plain')).toBe('MEDIA_CONTENT_MISMATCH');
  });

  it('a PDF is a PDF, an archive an archive, and a program neither', async () => {
    expect(await codeOf(bytesOf('%PDF-1.7\n%âã'), 'application/pdf')).toBe('ok');
    const program = new Uint8Array(256);
    program.set(bytesOf('MZ'));
    expect(await codeOf(program, 'application/pdf')).toBe('MEDIA_CONTENT_MISMATCH');
    expect(await codeOf(program, 'application/zip')).toBe('MEDIA_CONTENT_MISMATCH');
  });

  it('a large file is not read through', async () => {
    const bytes = new Uint8Array(50 * 1024 ** 2);
    bytes.set(bytesOf('%PDF-1.7\n'));
    const source = sourceOf(bytes);
    await inspector.inspect(source, fileOf('application/pdf', bytes.length));
    expect(source.bytesRead()).toBeLessThan(1024 ** 2);
  });
});
