import { type ChatContext, checkUpload } from '@confab/chat';
import { ChatError, limits } from '@confab/contracts';
import {
  type LocalDownload,
  type LocalMediaMeter,
  type LocalStorage,
  type LocalUpload,
  localPaths,
} from '@confab/media';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

interface LocalMediaOptions {
  local: LocalStorage;
  meter?: LocalMediaMeter | undefined;
  ctx: ChatContext;
}

interface MediaRequest {
  Params: { mediaId: string };
  Querystring: Record<string, unknown>;
}

/** Milliseconds that one upload may take. Source: 5 GiB over 20 Mbit/s. A connection that is silent for a minute ends before. */
const UPLOAD_DEADLINE_MS = 40 * 60_000;

/**
 * The routes of the provider `local`: what S3 or Cloudinary do for the others. They ask for no token, because their URLs are signed, and they
 * are not in the contracts, because clients take them from tickets and messages as they are.
 */
export async function localMedia(app: FastifyInstance, { local, meter, ctx }: LocalMediaOptions): Promise<void> {
  // whatever the type: nothing parses bodies here, they stay the stream that they are
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));

  app.put<MediaRequest>(
    localPaths.upload,
    { config: { streams: true }, bodyLimit: limits.mediaSize },
    async (request, reply) => {
      // A refusal comes before the body is read: the connection cannot be used for another request then.
      reply.header('connection', 'close');
      const { mediaId } = request.params;
      const upload = local.openTicket(mediaId, request.query);
      const media = await ctx.store.media.findById(mediaId);
      if (!media) throw new ChatError('NOT_FOUND');
      if (media.state !== 'pending') throw new ChatError('CONFLICT', { reason: 'This ticket was used' });
      checkHeaders(request, upload);
      await receive(local, upload, request);
      await checkUpload(ctx, media);
      reply.removeHeader('connection');
      return reply.code(201).send({ success: true, data: { mediaId } });
    },
  );

  app.get<MediaRequest>(localPaths.download, async (request, reply) =>
    sendFile(request, reply, await local.openLink(request.params.mediaId, request.query), meter),
  );
}

function checkHeaders({ headers }: FastifyRequest, { size, contentType }: LocalUpload): void {
  const given = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (given !== contentType) {
    throw new ChatError('MEDIA_CONTENT_MISMATCH', {
      field: 'Content-Type',
      reason: `The ticket is for ${contentType}`,
    });
  }
  const length = headers['content-length'];
  if (length === undefined || Number(length) === size) return;
  const code = Number(length) > size ? 'MEDIA_TOO_LARGE' : 'MEDIA_CONTENT_MISMATCH';
  throw new ChatError(code, { field: 'Content-Length', reason: `The ticket is for ${size} bytes` });
}

async function receive(local: LocalStorage, upload: LocalUpload, { raw }: FastifyRequest): Promise<void> {
  const deadline = setTimeout(() => raw.destroy(), UPLOAD_DEADLINE_MS);
  try {
    // Not destroyed when the writing fails: the reply has to go over the same connection.
    await local.receive(upload, raw.iterator({ destroyOnReturn: false }));
  } catch (error) {
    if (raw.destroyed && !raw.complete)
      throw new ChatError('MEDIA_NOT_UPLOADED', { reason: 'The upload broke off', cause: error });
    throw error;
  } finally {
    clearTimeout(deadline);
  }
}

/** Nothing in a file runs, wherever it is opened. */
const FILE_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox";

function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: LocalDownload,
  meter: LocalMediaMeter | undefined,
): FastifyReply {
  const seconds = Math.max(0, Math.floor((file.expiresAt.getTime() - Date.now()) / 1_000));
  reply.headers({
    'content-type': file.contentType,
    'content-disposition': file.disposition,
    'content-security-policy': FILE_POLICY,
    // pages of the application show it; the link is what protects it
    'cross-origin-resource-policy': 'cross-origin',
    'x-content-type-options': 'nosniff',
    'cache-control': `private, max-age=${seconds}, immutable`,
    'accept-ranges': 'bytes',
    etag: file.etag,
  });
  if (request.headers['if-none-match'] === file.etag) return reply.code(304).send();
  const range = rangeOf(request, file);
  if (range === 'unsatisfiable') {
    return reply
      .code(416)
      .header('content-range', `bytes */${file.size}`)
      .header('content-type', 'text/plain')
      .send('');
  }
  if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${file.size}`);
  reply.header('content-length', range ? range.end - range.start + 1 : file.size);
  if (request.method === 'HEAD') return reply.send();
  const stream = file.stream(range);
  // also where the reader went away in between
  stream.once('close', () => meter?.downloaded(stream.bytesRead));
  return reply.send(stream);
}

/** One range, as RFC 9110 has it; several, or what cannot be understood, are answered with the whole file. */
function rangeOf({ headers }: FastifyRequest, { size, etag }: LocalDownload) {
  const condition = headers['if-range'];
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if ((from === '' && to === '') || (condition !== undefined && condition !== etag)) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start >= size || (from === '' && Number(to) === 0)) return 'unsatisfiable';
  return start > end ? undefined : { start, end };
}
