/** Assembles BSON from pieces: replies and projections are built from the bytes of stored documents. */
import { copyBytes } from './copy-bytes.ts';
import { BsonType } from './raw-document.ts';

export class RawWriter {
  bytes: Buffer;
  length = 0;

  constructor(size = 1024) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + more));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }

  /** What was written, without a copy. */
  view(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Opens a document or array; pass the result to `close`. */
  open(): number {
    this.reserve(4);
    this.length += 4;
    return this.length - 4;
  }

  close(opened: number): void {
    this.reserve(1);
    this.bytes[this.length++] = 0;
    this.bytes.writeInt32LE(this.length - opened, opened);
  }

  /** Type byte and name of the next element. */
  name(type: number, name: string): void {
    this.reserve(name.length * 3 + 2);
    this.bytes[this.length++] = type;
    this.length += this.bytes.write(name, this.length, 'utf8');
    this.bytes[this.length++] = 0;
  }

  /** Type byte and decimal name of the next array element. */
  index(type: number, index: number): void {
    this.reserve(12);
    this.bytes[this.length++] = type;
    if (index < 10) this.bytes[this.length++] = 48 + index;
    else this.length += this.bytes.write(String(index), this.length, 'latin1');
    this.bytes[this.length++] = 0;
  }

  append(source: Uint8Array, start = 0, end = source.length): void {
    this.reserve(end - start);
    this.length = copyBytes(this.bytes, this.length, source, start, end);
  }

  double(name: string, value: number): void {
    this.name(BsonType.double, name);
    this.reserve(8);
    this.length = this.bytes.writeDoubleLE(value, this.length);
  }

  int(name: string, value: number): void {
    this.name(BsonType.int, name);
    this.reserve(4);
    this.length = this.bytes.writeInt32LE(value, this.length);
  }

  long(name: string, value: bigint): void {
    this.name(BsonType.long, name);
    this.reserve(8);
    this.length = this.bytes.writeBigInt64LE(value, this.length);
  }

  text(name: string, value: string): void {
    this.name(BsonType.string, name);
    const size = Buffer.byteLength(value);
    this.reserve(size + 5);
    this.length = this.bytes.writeInt32LE(size + 1, this.length);
    this.length += this.bytes.write(value, this.length, 'utf8');
    this.bytes[this.length++] = 0;
  }
}
