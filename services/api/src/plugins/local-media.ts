import type { Readable } from 'node:stream';
import { type ChatContext, checkUpload, type StoredMedia } from '@confab/chat';
import { ChatError, limits } from '@confab/contracts';
import {
  type LocalDownload,
  type LocalMediaMeter,
  type LocalStorage,
  type LocalUpload,
  localPaths,
} from '@confab/media';
import { addressGroup } from '@confab/service-kit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StreamSlots } from '../stream-slots.ts';

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

/** Uploads at the same time; those of one user are what one message may name. Source: 10 users who send all of that; each takes as long as it likes. */
const UPLOADS = { total: 10 * limits.mediaItems, each: limits.mediaItems };

/**
 * Downloads at the same time, by address: a link says what may be read, and not who reads. Source: each holds about 128 KB (a chunk read, and one on its
 * way), so that all are 64 MB; an address has a fifth: 16 browsers, which ask for six files at once.
 */
const DOWNLOADS = { total: 500, each: 100 };

/**
 * The routes of the provider `local`: what S3 or Cloudinary do for the others. They ask for no token, because their URLs are signed, and they
 * are not in the contracts, because clients take them from tickets and messages as they are.
 */
export async function localMedia(app: FastifyInstance, { local, meter, ctx }: LocalMediaOptions): Promise<void> {
  // whatever the type: nothing parses bodies here, they stay the stream that they are
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null, undefined));
  const uploads = new StreamSlots(UPLOADS);
  const downloads = new StreamSlots(DOWNLOADS);
  const underWay = onceAtATime('An upload with this ticket is under way');

  /** Receives and checks an upload, which counts as one of its owner and no longer as a request. */
  const take = async (upload: LocalUpload, media: StoredMedia, request: FastifyRequest) => {
    const giveBack = uploads.take(media.ownerId);
    app.countElsewhere(request);
    try {
      await receive(local, upload, request);
      await checkUpload(ctx, media);
    } finally {
      giveBack();
    }
  };

  /** The stream of a file, which counts as one to its address and no longer as a request, until it is closed. */
  const open = (request: FastifyRequest, file: LocalDownload, range: Range | undefined) => {
    const giveBack = downloads.take(addressGroup(request.ip));
    app.countElsewhere(request);
    const stream = file.stream(range);
    // also where the reader went away in between
    return stream.once('close', () => {
      giveBack();
      meter?.downloaded(stream.bytesRead);
    });
  };

  app.put<MediaRequest>(
    localPaths.upload,
    { config: { streams: true }, bodyLimit: limits.mediaSize },
    async (request, reply) => {
      // A refusal comes before the body is read: the connection cannot be used for another request then.
      reply.header('connection', 'close');
      const { mediaId } = request.params;
      const upload = local.openTicket(mediaId, request.query);
      await underWay(mediaId, async () => {
        const media = await ctx.store.media.findById(mediaId);
        if (!media) throw new ChatError('NOT_FOUND');
        if (media.state !== 'pending') throw new ChatError('CONFLICT', { reason: 'This ticket was used' });
        checkHeaders(request, upload);
        await take(upload, media, request);
      });
      reply.removeHeader('connection');
      return reply.code(201).send({ success: true, data: { mediaId } });
    },
  );

  app.get<MediaRequest>(localPaths.download, async (request, reply) =>
    sendFile(request, reply, await local.openLink(request.params.mediaId, request.query), open),
  );
}

/**
 * Runs one work for an id at a time: what each of several uploads with one ticket writes before one of them wins would be on the disk at once, past every
 * quota. Other processes do not know of it: there are at most as many at once as processes.
 * @returns runs it @throws ChatError CONFLICT while another one runs for this id
 */
function onceAtATime(reason: string) {
  const running = new Set<string>();
  return async (id: string, work: () => Promise<void>): Promise<void> => {
    if (running.has(id)) throw new ChatError('CONFLICT', { reason });
    running.add(id);
    try {
      await work();
    } finally {
      running.delete(id);
    }
  };
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
  open: (request: FastifyRequest, file: LocalDownload, range: Range | undefined) => Readable,
): FastifyReply {
  const isKnown = request.headers['if-none-match'] === file.etag;
  const range = rangeOf(request, file);
  // Before any header of the file is set: a refusal has none of them.
  const hasContent = !isKnown && range !== 'unsatisfiable' && request.method !== 'HEAD';
  const content = hasContent ? open(request, file, range) : undefined;
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
  if (isKnown) return reply.code(304).send();
  if (range === 'unsatisfiable') {
    return reply
      .code(416)
      .header('content-range', `bytes */${file.size}`)
      .header('content-type', 'text/plain')
      .send('');
  }
  if (range) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${file.size}`);
  reply.header('content-length', range ? range.end - range.start + 1 : file.size);
  return reply.send(content);
}

type Range = { start: number; end: number };

/** One range, as RFC 9110 has it; several, or what cannot be understood, are answered with the whole file. */
function rangeOf({ headers }: FastifyRequest, { size, etag }: LocalDownload): Range | 'unsatisfiable' | undefined {
  const condition = headers['if-range'];
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(headers.range ?? '') ?? [];
  if ((from === '' && to === '') || (condition !== undefined && condition !== etag)) return undefined;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start >= size || (from === '' && Number(to) === 0)) return 'unsatisfiable';
  return start > end ? undefined : { start, end };
}
