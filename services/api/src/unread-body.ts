import type { ChatError } from '@confab/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendFailure } from './plugins/failures.ts';

/** Whether a request says that it has a body. */
export const hasBody = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Whether all of it came. Of Node's own requests `complete` tells it, of those of other transports that it was read. */
export const isThere = ({ raw }: FastifyRequest): boolean => raw.complete || raw.readableEnded || raw.destroyed;

/**
 * Refuses a request whose body is not there, unless it was answered already, and ends the connection: what comes of the body would be taken for the next
 * request.
 */
export function endUnread({ raw }: FastifyRequest, reply: FastifyReply, why: ChatError): void {
  if (reply.sent) {
    raw.destroy();
    return;
  }
  reply.raw.once('finish', () => raw.destroy());
  sendFailure(reply.header('connection', 'close'), why);
}
