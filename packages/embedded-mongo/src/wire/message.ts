/** The MongoDB wire protocol: OP_MSG, and OP_QUERY for the first handshake of older clients. */
import { checkDocument } from '../bson/check-document.ts';
import { afterCString, int32At } from '../bson/raw-document.ts';
import { encodeTyped } from '../bson/typed-values.ts';

export const MAX_MESSAGE_BYTES = 48_000_000;
const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;

const CHECKSUM_PRESENT = 1;
const MORE_TO_COME = 2;
const KNOWN_REQUIRED_FLAGS = CHECKSUM_PRESENT | MORE_TO_COME;

/** One request. Documents are slices of the message, checked for structure. */
export interface Request {
  readonly requestId: number;
  readonly body: Buffer;
  /** Documents that came beside the body, by field name. */
  readonly sequences: ReadonlyMap<string, readonly Buffer[]>;
  readonly expectsReply: boolean;
  readonly legacy: boolean;
}

/** Thrown for bytes that are no message of ours: the connection cannot go on. */
export class ProtocolError extends Error {}

/** Reads one whole message. */
export function readRequest(message: Buffer): Request {
  const requestId = message.readInt32LE(4);
  const opcode = message.readInt32LE(12);
  if (opcode === OP_MSG) return readMsg(message, requestId);
  if (opcode === OP_QUERY) return readQuery(message, requestId);
  throw new ProtocolError(`unsupported opcode ${opcode}`);
}

function readMsg(message: Buffer, requestId: number): Request {
  const flags = message.readUInt32LE(16);
  if (flags & 0xffff & ~KNOWN_REQUIRED_FLAGS) throw new ProtocolError(`unknown required flags ${flags}`);
  const end = message.length - (flags & CHECKSUM_PRESENT ? 4 : 0);
  const sequences = new Map<string, Buffer[]>();
  let body: Buffer | undefined;
  let at = 20;
  while (at < end) {
    const kind = message[at++];
    const size = int32At(message, at);
    if (size < 5 || at + size > end) throw new ProtocolError('section past the end of the message');
    if (kind === 0) {
      checkDocument(message, at, at + size);
      body = message.subarray(at, at + size);
    } else if (kind === 1) readSequence(message, at, at + size, sequences);
    else throw new ProtocolError(`unknown section kind ${kind}`);
    at += size;
  }
  if (!body) throw new ProtocolError('message without a body');
  return { requestId, body, sequences, expectsReply: (flags & MORE_TO_COME) === 0, legacy: false };
}

function readSequence(message: Buffer, start: number, end: number, sequences: Map<string, Buffer[]>): void {
  let at = afterCString(message, start + 4);
  if (at > end) throw new ProtocolError('sequence past the end');
  const name = message.toString('utf8', start + 4, at - 1);
  const documents: Buffer[] = [];
  while (at < end) {
    const next = checkDocument(message, at, end);
    documents.push(message.subarray(at, next));
    at = next;
  }
  sequences.set(name, documents);
}

/** OP_QUERY carries the handshake only: a command to `<database>.$cmd`. */
function readQuery(message: Buffer, requestId: number): Request {
  const body = afterCString(message, 20) + 8;
  if (body >= message.length) throw new ProtocolError('OP_QUERY past the end');
  const end = checkDocument(message, body, message.length);
  return { requestId, body: message.subarray(body, end), sequences: new Map(), expectsReply: true, legacy: true };
}

let nextReplyId = 1;

/** What comes before the document of a reply. */
export function replyHeader(request: Request, body: Buffer): Buffer {
  const header = request.legacy ? legacyHeader() : msgHeader();
  header.writeInt32LE(header.length + body.length, 0);
  nextReplyId = (nextReplyId + 1) & 0x7fffffff;
  header.writeInt32LE(nextReplyId, 4);
  header.writeInt32LE(request.requestId, 8);
  return header;
}

function msgHeader(): Buffer {
  const header = Buffer.alloc(21);
  header.writeInt32LE(OP_MSG, 12);
  return header;
}

function legacyHeader(): Buffer {
  const header = Buffer.alloc(36);
  header.writeInt32LE(OP_REPLY, 12);
  header.writeInt32LE(8, 16); // AwaitCapable
  header.writeInt32LE(1, 32); // one document
  return header;
}

/** The body of an error reply. */
export function errorBody(error: { code: number; codeName: string; message: string; details: object }): Buffer {
  return encodeTyped({ ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName, ...error.details });
}
