import { ChatError, type ErrorReply } from '@confab/contracts';
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Fastify's own refusals in the words of our catalogue. */
function fromFastify(error: Partial<FastifyError>): ChatError | undefined {
  const { statusCode = 500, code = '' } = error;
  if (statusCode === 413 || code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new ChatError('PAYLOAD_TOO_LARGE');
  if (statusCode === 415) return new ChatError('UNSUPPORTED_MEDIA_TYPE');
  if (statusCode === 503) return new ChatError('UNAVAILABLE', { retryAfter: 1, reason: 'This instance is going down' });
  if (statusCode >= 400 && statusCode < 500) return new ChatError('VALIDATION_FAILED', { reason: reasonOf(error) });
  return undefined;
}

/** Fastify repeats user input in some messages (a bad URL): those are told by their code alone. */
function reasonOf({ code = '', message = '' }: Partial<FastifyError>): string {
  if (code === 'FST_ERR_BAD_URL') return 'The path is not valid';
  return code.startsWith('FST_ERR_CTP') ? message : 'The request is not valid';
}

export function toChatError(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  if (error instanceof Error) {
    const known = fromFastify(error as Partial<FastifyError>);
    if (known) return known;
  }
  return new ChatError('INTERNAL', { cause: error });
}

/** What a failure is told as. */
export const failureReply = (error: ChatError): ErrorReply => ({
  success: false,
  error: error.toWire(),
  ...(error.retryAfter !== undefined && { retryAfter: error.retryAfter }),
});

export function sendFailure(reply: FastifyReply, error: ChatError): FastifyReply {
  if (error.retryAfter !== undefined) reply.header('retry-after', error.retryAfter);
  return reply.code(error.status).type('application/json; charset=utf-8').send(failureReply(error));
}

/** What the caller did wrong is their business; what we did is logged with its cause, and never told in detail. */
export function failureOf(error: unknown, log: FastifyBaseLogger): ChatError {
  const failure = toChatError(error);
  if (failure.status >= 500) log.error({ err: failure.cause ?? failure, code: failure.code }, 'request failed');
  return failure;
}

/**
 * Bytes of a body that is too large and is read to its end all the same. Closing at once, as Fastify does, resets the connection of who is still
 * sending, and takes the answer with it. Source: four times what a body may have, and what the edge lets through.
 */
const READ_TO_END = 1_024 ** 2;

function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const failure = failureOf(error, request.log);
  const tooLarge = failure.code === 'PAYLOAD_TOO_LARGE' && Number(request.headers['content-length']) <= READ_TO_END;
  if (tooLarge && !request.routeOptions.config.streams) reply.removeHeader('connection');
  return sendFailure(reply, failure);
}

/** Translates every failure once into `{success: false, error: {code, message, ...}}`. */
export const failures = fp(async (app: FastifyInstance) => {
  app.setErrorHandler(handleError);
});

/** Paths that are none, limited by address as all others. Registered after the rate limit. */
export const notFound = fp(async (app: FastifyInstance) => {
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (_request, reply) =>
    sendFailure(reply, new ChatError('NOT_FOUND')),
  );
});
