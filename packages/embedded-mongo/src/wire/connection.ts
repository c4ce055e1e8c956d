/** One client connection: cuts the byte stream into messages and answers them in order. */
import type { Socket } from 'node:net';
import { ErrorCode, MongoError } from '../errors.ts';
import { errorBody, MAX_MESSAGE_BYTES, type Request, readRequest, replyHeader } from './message.ts';

/** Answers one request with the body of the reply. Throws MongoError for what the client did wrong. */
export type RequestHandler = (request: Request) => Promise<Buffer> | Buffer;

const HEADER_BYTES = 16;

/** Serves a socket until it closes. */
export function serveConnection(socket: Socket, handle: RequestHandler, onClose: () => void): void {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let busy = false;
  socket.setNoDelay(true);

  const take = (): Buffer | undefined => {
    if (pendingBytes < HEADER_BYTES) return undefined;
    let first = pending[0]!;
    if (first.length < HEADER_BYTES) {
      first = Buffer.concat(pending);
      pending = [first];
    }
    const size = first.readInt32LE(0);
    if (size < HEADER_BYTES + 5 || size > MAX_MESSAGE_BYTES) throw new RangeError(`message of ${size} bytes`);
    if (pendingBytes < size) return undefined;
    const whole = pending.length === 1 ? first : Buffer.concat(pending);
    pending = whole.length > size ? [whole.subarray(size)] : [];
    pendingBytes -= size;
    return whole.subarray(0, size);
  };

  const pump = async () => {
    if (busy) return;
    busy = true;
    try {
      for (let message = take(); message; message = take()) {
        if (pendingBytes > HEADER_BYTES) socket.pause(); // the rest waits in the kernel until this one is answered
        await answer(socket, message, handle);
      }
      socket.resume();
    } catch {
      socket.destroy(); // not our protocol: there is no way to find the next message
    } finally {
      busy = false;
    }
  };

  socket.on('data', (chunk: Buffer) => {
    pending.push(chunk);
    pendingBytes += chunk.length;
    void pump();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', onClose);
}

async function answer(socket: Socket, message: Buffer, handle: RequestHandler): Promise<void> {
  const request = readRequestOrError(message);
  if (request instanceof MongoError) {
    const requestId = message.readInt32LE(4);
    const failed: Request = { requestId, body: message, sequences: new Map(), expectsReply: true, legacy: false };
    writeReply(socket, failed, errorBody(request));
    return;
  }
  let body: Buffer;
  try {
    const result = handle(request);
    body = result instanceof Promise ? await result : result;
  } catch (error) {
    body = errorBody(asMongoError(error));
  }
  if (request.expectsReply && !socket.destroyed) writeReply(socket, request, body);
}

/** Bytes of a reply up to which it is copied behind its header. Source: two parts cost a write some 5 µs, as much as copying 10 KB. */
const COPIED_BYTES = 10_000;

/** Writes a reply, in one write of the socket. */
function writeReply(socket: Socket, request: Request, body: Buffer): void {
  const header = replyHeader(request, body);
  if (body.length <= COPIED_BYTES) {
    socket.write(Buffer.concat([header, body]));
    return;
  }
  socket.cork();
  socket.write(header);
  socket.write(body);
  socket.uncork();
}

function readRequestOrError(message: Buffer): Request | MongoError {
  try {
    return readRequest(message);
  } catch (error) {
    if (error instanceof MongoError) return error;
    throw error;
  }
}

/** A defect of ours is answered as an internal error: it must not end the process, nor leave the client waiting. */
export function asMongoError(error: unknown): MongoError {
  if (error instanceof MongoError) return error;
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new MongoError(ErrorCode.Overflow, 'expression nested too deeply');
  }
  return new MongoError(ErrorCode.InternalError, error instanceof Error ? error.message : String(error));
}
