import { deflateSync } from 'node:zlib';

/* Small files made here, byte by byte, so that tests know exactly what is in them. */

export interface Sample {
  filename: string;
  contentType: string;
  bytes: Uint8Array<ArrayBuffer>;
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

/** A PNG of 8-bit RGB, or of one bit a pixel (`bits: 1`), which packs a million pixels into a kilobyte. */
export function png(
  width: number,
  height: number,
  options: { bits?: 1 | 8; text?: string } = {},
): Uint8Array<ArrayBuffer> {
  const { bits = 8, text } = options;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = bits;
  header[9] = bits === 8 ? 2 : 0;
  const rowBytes = bits === 8 ? width * 3 : Math.ceil(width / 8);
  const row = Buffer.alloc(1 + rowBytes);
  for (let i = 1; i < row.length; i++) row[i] = bits === 8 ? (i * 7) % 256 : 0;
  const rows = Buffer.concat(Array.from({ length: height }, () => row));
  const parts = [
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...(text === undefined ? [] : [chunk('tEXt', Buffer.from(`Comment\0${text}`, 'latin1'))]),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat(parts));
}

/** Silence of so many seconds: 8 kHz, 8 bits, one channel. */
export function wav(seconds: number): Uint8Array<ArrayBuffer> {
  const rate = 8_000;
  const samples = rate * seconds;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate, 28);
  header.writeUInt16LE(1, 32);
  header.writeUInt16LE(8, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples, 40);
  return new Uint8Array(Buffer.concat([header, Buffer.alloc(samples, 128)]));
}

/** A ZIP archive with one stored file: what a polyglot carries at its end. */
export function zip(name: string, content: string): Uint8Array<ArrayBuffer> {
  const [nameBytes, data] = [Buffer.from(name), Buffer.from(content)];
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt32LE(crc32(data), 14);
  local.writeUInt32LE(data.length, 18);
  local.writeUInt32LE(data.length, 22);
  local.writeUInt16LE(nameBytes.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  local.copy(central, 6, 4, 30);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + nameBytes.length, 12);
  end.writeUInt32LE(30 + nameBytes.length + data.length, 16);
  return new Uint8Array(Buffer.concat([local, nameBytes, data, central, nameBytes, end]));
}

export const joined = (...parts: Uint8Array[]): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.concat(parts));

export const photo = (width = 64, height = 48): Sample => ({
  filename: 'photo.png',
  contentType: 'image/png',
  bytes: png(width, height),
});
export const text = (content: string): Sample => ({
  filename: 'notes.txt',
  contentType: 'text/plain',
  bytes: new Uint8Array(Buffer.from(content)),
});
