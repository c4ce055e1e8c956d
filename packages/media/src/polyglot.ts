import type { MediaSource } from '@confab/chat';

/** Bytes at the beginning in which browsers look for markup (WHATWG MIME sniffing: 1,445), and PDF readers for a header (1,024). */
const HEAD = 4_096;
/** The longest tail in which an archive's directory may begin: its record of 22 bytes and a comment of 65,535. */
const TAIL = 22 + 65_535;

const MARKUP = /<(?:!doctype|html|script|iframe|svg|body|head|\?php)[\s>/]|%pdf-/i;
const END_OF_DIRECTORY = Buffer.from('PK\x05\x06', 'latin1');

/**
 * A file that is an image, video or sound and something else besides: markup or a PDF where readers look for it, or an archive at its end.
 * @returns what else it is, or null
 */
export async function secondNature(source: MediaSource): Promise<string | null> {
  const head = Buffer.from(await source.read(0, Math.min(HEAD, source.size) - 1)).toString('latin1');
  const markup = MARKUP.exec(head);
  if (markup) return markup[0].toLowerCase() === '%pdf-' ? 'a PDF' : 'markup';
  const tail = Buffer.from(await source.read(Math.max(0, source.size - TAIL), source.size - 1));
  return hasArchiveDirectory(tail) ? 'an archive' : null;
}

/** A record whose comment ends exactly at the end of the file: four chance bytes alone are not enough. */
function hasArchiveDirectory(tail: Buffer): boolean {
  for (
    let at = tail.lastIndexOf(END_OF_DIRECTORY);
    at !== -1;
    at = at === 0 ? -1 : tail.lastIndexOf(END_OF_DIRECTORY, at - 1)
  ) {
    if (at + 22 <= tail.length && at + 22 + tail.readUInt16LE(at + 20) === tail.length) return true;
  }
  return false;
}
