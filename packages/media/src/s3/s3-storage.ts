import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { MediaFile, MediaSource, MediaStorage } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { contentDisposition } from '../content-types.ts';
import { reaching, unreachable } from '../storage-failure.ts';

export interface S3StorageOptions {
  bucket: string;
  region: string;
  /** Of another S3-compatible service; absent: AWS. */
  endpoint?: string;
  /** Absent: the SDK finds them (environment, profile, role of the machine). */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`: most services that one runs oneself want it. */
  forcePathStyle: boolean;
  /** Before every key, without a slash at the end; empty: none. */
  prefix: string;
  now?: () => number;
}

/** Milliseconds that one request may take; a send that has to check its upload waits for two of them. */
const REQUEST_TIMEOUT_MS = 10_000;

/** The same for the copy of what was checked, which takes the longer the larger it is. Source: 5 GiB at 50 MB/s. */
const COPY_TIMEOUT_MS = 100_000;

/**
 * Any S3-compatible service. Uploads go straight to `incoming/<id>` by a POST policy that names the key, the exact content type and the exact length;
 * what was checked is copied (if its ETag is still the same) to `media/<id>`, which no policy names. Links are presigned GETs.
 */
export function createS3Storage(options: S3StorageOptions): MediaStorage & { close(): void } {
  const client = clientOf(options);
  const { bucket: Bucket } = options;
  const now = options.now ?? Date.now;
  const base = options.prefix === '' ? '' : `${options.prefix}/`;
  const keys = {
    incoming: (file: MediaFile) => `${base}incoming/${file.id}`,
    original: (file: MediaFile) => `${base}media/${file.id}`,
    thumbnail: (file: MediaFile) => `${base}media/${file.id}.webp`,
  };
  const store = <T>(work: () => Promise<T>) => reaching('S3', work);
  const secondsUntil = (at: Date) => Math.max(1, Math.floor((at.getTime() - now()) / 1_000));
  const remove = (file: MediaFile, places: (keyof typeof keys)[]) =>
    store(async () => {
      const Objects = places.map((place) => ({ Key: keys[place](file) }));
      const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
      const failed = Errors.find((error) => error.Code !== 'NoSuchKey');
      if (failed) throw new Error(`S3 did not delete ${failed.Key}: ${failed.Code}`);
    });

  return {
    name: 's3',
    ticket: (file, expiresAt) =>
      store(async () => {
        const Key = keys.incoming(file);
        const { url, fields } = await createPresignedPost(client, {
          Bucket,
          Key,
          Conditions: [
            ['content-length-range', file.size, file.size],
            ['eq', '$Content-Type', file.contentType],
          ],
          Fields: { 'Content-Type': file.contentType },
          Expires: secondsUntil(expiresAt),
        });
        return { uploadUrl: url, method: 'POST', fields };
      }),
    uploaded: (file) => store(() => sourceOf(client, Bucket, keys.incoming(file))),
    accept: (file, version) =>
      store(() => copyChecked(client, Bucket, keys.incoming(file), keys.original(file), version)),
    discard: (file) => remove(file, ['incoming']),
    open: (file) => store(() => sourceOf(client, Bucket, keys.original(file))),
    putThumbnail: (file, bytes) =>
      store(async () => {
        const input = { Bucket, Key: keys.thumbnail(file), Body: bytes, ContentType: 'image/webp' };
        await client.send(new PutObjectCommand(input));
      }),
    link: (file, part, expiresAt) =>
      store(() => {
        const contentType = part === 'thumbnail' ? 'image/webp' : file.contentType;
        const command = new GetObjectCommand({
          Bucket,
          Key: keys[part](file),
          ResponseContentType: contentType,
          ResponseContentDisposition: contentDisposition(contentType, file.filename),
        });
        return getSignedUrl(client, command, { expiresIn: secondsUntil(expiresAt) });
      }),
    remove: (file) => remove(file, ['incoming', 'original', 'thumbnail']),
    close: () => client.destroy(),
  };
}

function clientOf({ region, endpoint, credentials, forcePathStyle }: S3StorageOptions): S3Client {
  return new S3Client({
    region,
    forcePathStyle,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
    // Services that are not AWS do not all know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { requestTimeout: REQUEST_TIMEOUT_MS, connectionTimeout: 3_000 },
  });
}

const statusOf = (error: unknown): number | undefined =>
  (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;

/** An object as a source; each read is one ranged GET of the same version. */
async function sourceOf(client: S3Client, Bucket: string, Key: string): Promise<MediaSource | null> {
  const head = await client.send(new HeadObjectCommand({ Bucket, Key })).catch((error: unknown) => {
    if (statusOf(error) === 404) return null;
    throw error;
  });
  if (!head) return null;
  const IfMatch = head.ETag;
  const get = (range: { Range?: string } = {}) =>
    client.send(new GetObjectCommand({ Bucket, Key, ...(IfMatch !== undefined && { IfMatch }), ...range }));
  return {
    size: head.ContentLength ?? 0,
    version: head.ETag ?? '',
    read: (start, end) =>
      reaching('S3', async () => {
        if (end < start) return new Uint8Array();
        const { Body } = await get({ Range: `bytes=${start}-${end}` });
        return (await Body?.transformToByteArray()) ?? new Uint8Array();
      }),
    async *stream() {
      try {
        const { Body } = await get();
        for await (const chunk of (Body ?? []) as AsyncIterable<Uint8Array>) yield chunk;
      } catch (error) {
        throw unreachable('S3', error);
      }
    },
  };
}

async function copyChecked(client: S3Client, Bucket: string, from: string, to: string, version: string): Promise<void> {
  const source = `${Bucket}/${from}`.split('/').map(encodeURIComponent).join('/');
  try {
    const copy = new CopyObjectCommand({ Bucket, Key: to, CopySource: source, CopySourceIfMatch: version });
    await client.send(copy, { requestTimeout: COPY_TIMEOUT_MS });
  } catch (error) {
    if (statusOf(error) === 412) {
      throw new ChatError('CONFLICT', {
        retryAfter: 1,
        reason: 'The upload changed while it was checked',
        cause: error,
      });
    }
    // Somebody else made it permanent and cleared the place: then it is there.
    if (statusOf(error) !== 404 || !(await sourceOf(client, Bucket, to))) throw error;
  }
}
