import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, rm, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { MediaSource } from '@confab/chat';
import { ChatError } from '@confab/contracts';

/** A file name of ours: an id of 24 hexadecimal digits, and nothing that could be a path. */
const ID = /^[0-9a-f]{24}$/;

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** Where the files of a folder are: uploads in `incoming`, what was accepted in `media/<2 digits>/`, so that no directory grows large. */
export function mediaFolder(root: string) {
  const idOf = (id: string): string => {
    if (!ID.test(id)) throw new ChatError('NOT_FOUND');
    return id;
  };
  // The last digits of an id count up: they spread; the first ones are the time.
  const shard = (id: string) => path.join(root, 'media', idOf(id).slice(-2));
  return {
    incomingDir: path.join(root, 'incoming'),
    incoming: (id: string) => path.join(root, 'incoming', idOf(id)),
    original: (id: string) => path.join(shard(id), id),
    thumbnail: (id: string) => path.join(shard(id), `${id}.webp`),
  };
}
export type MediaFolder = ReturnType<typeof mediaFolder>;

/** A file as a source; null if there is none. */
export async function fileSource(file: string): Promise<MediaSource | null> {
  const found = await statOf(file);
  if (!found) return null;
  return {
    size: found.size,
    version: `${found.ino}-${found.mtimeMs}`,
    read: async (start, end) => {
      const handle = await open(file, 'r');
      try {
        const buffer = Buffer.alloc(Math.max(0, end - start + 1));
        let done = 0;
        for (let read = -1; read !== 0 && done < buffer.length; done += read) {
          ({ bytesRead: read } = await handle.read(buffer, done, buffer.length - done, start + done));
        }
        return buffer.subarray(0, done);
      } finally {
        await handle.close();
      }
    },
    stream: () => createReadStream(file),
  };
}

export async function statOf(file: string) {
  try {
    return await stat(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Writes a body of exactly `size` bytes to `target`, one chunk in memory at a time, and makes it durable. Nothing is left of what failed.
 * @param body its chunks belong to this function: their memory is given back
 * @param part a name that nobody else writes
 * @throws ChatError MEDIA_TOO_LARGE as soon as one byte too many came; MEDIA_CONTENT_MISMATCH if there were fewer; CONFLICT if `target` is there
 */
export async function receiveFile(body: AsyncIterable<Uint8Array>, size: number, target: string, part: string) {
  await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
  try {
    await writeExactly(body, size, part);
    // Not a rename: that would replace what another upload with the same ticket put there.
    await link(part, target);
  } catch (error) {
    if (codeOf(error) === 'EEXIST')
      throw new ChatError('CONFLICT', { reason: 'Something was uploaded with this ticket already' });
    throw error;
  } finally {
    await rm(part, { force: true });
  }
}

async function writeExactly(body: AsyncIterable<Uint8Array>, size: number, file: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    let seen = 0;
    for await (const chunk of body) {
      seen += chunk.length;
      if (seen > size) throw new ChatError('MEDIA_TOO_LARGE', { reason: `The ticket is for ${size} bytes` });
      await handle.appendFile(chunk);
      giveBack(chunk);
    }
    if (seen < size) {
      throw new ChatError('MEDIA_CONTENT_MISMATCH', { reason: `${seen} bytes came where the ticket says ${size}` });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Frees a written chunk at once. Left to the garbage collector, which counts objects and not what they hold, chunks of a fast upload pile up to
 * 80 MB (proof/large-upload.ts). Only a chunk that has its memory for itself: others may be a part of Node's pool.
 */
function giveBack(chunk: Uint8Array): void {
  const memory = chunk.buffer;
  if (memory instanceof ArrayBuffer && chunk.byteLength === memory.byteLength) memory.transfer(0);
}

/** A second name for the same bytes; the first one may go. Repeating it changes nothing. */
export async function keepAs(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true, mode: 0o700 });
  try {
    await link(from, to);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

export async function removeFile(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Removes what crashed uploads left: parts that nobody has written to since `before`. */
export async function sweepParts(folder: MediaFolder, before: Date): Promise<number> {
  let removed = 0;
  const names = await readdir(folder.incomingDir).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  for (const name of names.filter((entry) => entry.endsWith('.part'))) {
    const file = path.join(folder.incomingDir, name);
    const found = await statOf(file);
    if (!found || found.mtime >= before) continue;
    await removeFile(file);
    removed++;
  }
  return removed;
}
