import type { MediaSource } from '@confab/chat';
import { AbstractTokenizer, EndOfStreamError, type IReadChunkOptions } from 'strtok3/core';

/** Bytes fetched at once: one request of an object store, and enough for most headers. */
const BLOCK = 64 * 1024;
/** Blocks fetched for one look at a file: a file that makes its reader jump more than this is not understood, and costs no more. */
const MOST_BLOCKS = 64;

/** Reads a source in blocks as the parsers ask for them, and never more than 4 MiB of it. */
export class SourceTokenizer extends AbstractTokenizer {
  readonly fileInfo: { size: number; mimeType?: string };
  readonly #source: MediaSource;
  readonly #blocks = new Map<number, Uint8Array>();

  constructor(source: MediaSource, contentType?: string) {
    super();
    this.#source = source;
    this.fileInfo = { size: source.size, ...(contentType !== undefined && { mimeType: contentType }) };
  }

  override supportsRandomAccess(): boolean {
    return true;
  }

  setPosition(position: number): void {
    this.position = position;
  }

  override async readBuffer(target: Uint8Array, options?: IReadChunkOptions): Promise<number> {
    const at = options?.position ?? this.position;
    const read = await this.peekBuffer(target, options);
    this.position = at + read;
    return read;
  }

  override async peekBuffer(target: Uint8Array, options?: IReadChunkOptions): Promise<number> {
    const position = options?.position ?? this.position;
    const length = options?.length ?? target.length;
    const available = Math.max(0, Math.min(this.#source.size - position, length));
    if (available < length && !options?.mayBeLess) throw new EndOfStreamError();
    let done = 0;
    while (done < available) {
      const at = position + done;
      const block = await this.#block(Math.floor(at / BLOCK));
      const piece = block.subarray(at % BLOCK, (at % BLOCK) + available - done);
      if (piece.length === 0) throw new EndOfStreamError();
      target.set(piece, done);
      done += piece.length;
    }
    return done;
  }

  async #block(index: number): Promise<Uint8Array> {
    const known = this.#blocks.get(index);
    if (known) return known;
    if (this.#blocks.size >= MOST_BLOCKS) throw new EndOfStreamError();
    const block = await this.#source.read(index * BLOCK, Math.min(this.#source.size, (index + 1) * BLOCK) - 1);
    this.#blocks.set(index, block);
    return block;
  }
}
