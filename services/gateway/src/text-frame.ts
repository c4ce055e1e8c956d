/** FIN and the opcode of a text. Source: RFC 6455, section 5.2. */
const FINAL_TEXT = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

/** The last text and its frame: one text goes to many sockets, one after the other. */
let last: { text: string; frame: Buffer } = { text: '', frame: Buffer.from([FINAL_TEXT, 0]) };

/** The WebSocket frame of a text, as servers send it: whole and not masked. It must not be written to. */
export function textFrame(text: string): Buffer {
  if (text !== last.text) last = { text, frame: encode([text]) };
  return last.frame;
}

/**
 * The frames of several texts, one after the other, as bytes that are ready for a WebSocket. Engine.IO passes it on as the binary message that
 * it looks like, and a `BatchingWebSocket` sends it as the texts that it is.
 */
export class TextFrames extends Uint8Array {
  constructor(texts: readonly string[]) {
    const { buffer, byteOffset, byteLength } = encode(texts);
    super(buffer, byteOffset, byteLength);
  }
}

function encode(texts: readonly string[]): Buffer<ArrayBuffer> {
  const lengths = texts.map((text) => Buffer.byteLength(text));
  const frames = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + headerLength(length) + length, 0));
  let at = 0;
  texts.forEach((text, i) => {
    const length = lengths[i] as number;
    at = writeHeader(frames, at, length);
    at += frames.write(text, at);
  });
  return frames;
}

const headerLength = (length: number) => (length < LENGTH_IN_16_BITS ? 2 : length < 65_536 ? 4 : 10);

/** @returns where the text begins */
function writeHeader(frames: Buffer, at: number, length: number): number {
  frames[at] = FINAL_TEXT;
  const header = headerLength(length);
  if (header === 2) frames[at + 1] = length;
  else if (header === 4) {
    frames[at + 1] = LENGTH_IN_16_BITS;
    frames.writeUInt16BE(length, at + 2);
  } else {
    frames[at + 1] = LENGTH_IN_64_BITS;
    frames.writeBigUInt64BE(BigInt(length), at + 2);
  }
  return at + header;
}
