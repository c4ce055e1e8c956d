import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ChatError } from '@confab/contracts';

/*
 * Answers to what never becomes a request of Fastify: Node's parser refuses it, or it does not come in time. In the words of the catalogue, as all
 * others; what was sent is not repeated.
 */

/** A connection's failure before there is a request: the answer goes straight to the connection, which ends with it. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // Nobody is there to read it.
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) socket.write(rawReply(refusalOf(error)));
  socket.destroy(error);
}

/** `Expect: ` something that nobody knows, which Node would refuse with an empty 417. */
export function answerExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const { status, body } = replyOf(new ChatError('VALIDATION_FAILED', { field: 'Expect', reason: 'is not supported' }));
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'content-type': CONTENT_TYPE, 'content-length': length, connection: 'close' }).end(body);
}

function refusalOf({ code }: { code?: string }): ChatError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new ChatError('REQUEST_TIMEOUT');
  if (code === 'HPE_HEADER_OVERFLOW') return new ChatError('HEADERS_TOO_LARGE');
  return new ChatError('VALIDATION_FAILED', { reason: 'This is not HTTP as it should be' });
}

const CONTENT_TYPE = 'application/json; charset=utf-8';

const replyOf = (error: ChatError) => ({
  status: error.status,
  body: JSON.stringify({ success: false, error: error.toWire() }),
});

function rawReply(error: ChatError): string {
  const { status, body } = replyOf(error);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `Content-Type: ${CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
