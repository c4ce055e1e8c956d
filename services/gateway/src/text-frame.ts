/** FIN and the opcode of a text. Source: RFC 6455, section 5.2. */
const FINAL_TEXT = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

/** The last text and its frame: one text goes to many sockets, one after the other. */
let last: { text: string; frame: Buffer } = { text: '', frame: Buffer.from([FINAL_TEXT, 0]) };

/** The WebSocket frame of a text, as servers send it: whole and not masked. It must not be written to. */
export function textFrame(text: string): Buffer {
  if (text !== last.text) last = { text, frame: encode(text) };
  return last.frame;
}

function encode(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const header = length < LENGTH_IN_16_BITS ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = FINAL_TEXT;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = LENGTH_IN_16_BITS;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_IN_64_BITS;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, header);
  return frame;
}
