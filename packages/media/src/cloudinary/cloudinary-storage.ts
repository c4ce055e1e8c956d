import type { MediaFile, MediaSource, MediaStorage } from '@confab/chat';
import { reaching, unreachable } from '../storage-failure.ts';
import { type SignedParameters, signParameters } from './signature.ts';

export interface CloudinaryStorageOptions {
  cloudName: string;
  apiKey: string;
  apiSecret: string;
  /** Before every public id, without a slash at the end. */
  folder: string;
  /** Of the API; another one in the EU and Asia-Pacific regions. */
  apiUrl: string;
  now?: () => number;
}

/** Milliseconds that one request may take. */
const REQUEST_TIMEOUT_MS = 10_000;

/** How Cloudinary sorts files: sound is video there. */
const RESOURCE_TYPE = { image: 'image', video: 'video', audio: 'video', file: 'raw' } as const;

/**
 * Cloudinary with signed uploads of type `private`: the original is delivered by links of its API that are signed and expire, and by nothing else. A
 * signature names the public id and forbids to overwrite it; the length is not among what Cloudinary's signatures can say, so that it is found by the
 * check afterwards. There is one place per upload: `accept` has nothing to move, because what is there cannot be overwritten.
 */
export function createCloudinaryStorage(options: CloudinaryStorageOptions): MediaStorage {
  const now = options.now ?? Date.now;
  const base = `${options.apiUrl}/v1_1/${options.cloudName}`;
  const endpoint = (file: MediaFile, action: string) => `${base}/${RESOURCE_TYPE[file.kind]}/${action}`;
  const publicId = (file: MediaFile) => (options.folder === '' ? file.id : `${options.folder}/${file.id}`);
  const thumbnailOf = (file: MediaFile): MediaFile => ({ ...file, id: `${file.id}-thumbnail`, kind: 'image' });
  const signed = (parameters: SignedParameters): Record<string, string> => ({
    ...Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)])),
    api_key: options.apiKey,
    signature: signParameters(parameters, options.apiSecret),
  });
  const timestamp = () => Math.floor(now() / 1_000);
  const post = async (url: string, parameters: Record<string, string>, file?: Blob) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(parameters)) form.append(name, value);
    if (file) form.append('file', file);
    const response = await fetch(url, { method: 'POST', body: form, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`Cloudinary answered ${response.status}`);
  };
  const uploadParameters = (file: MediaFile, at: number) =>
    signed({ public_id: publicId(file), timestamp: at, type: 'private', overwrite: false });
  const downloadUrl = (file: MediaFile, expiresAt: Date, attachment: boolean) => {
    const parameters = {
      public_id: publicId(file),
      timestamp: timestamp(),
      type: 'private',
      expires_at: Math.floor(expiresAt.getTime() / 1_000),
      ...(attachment && { attachment: true }),
    };
    return `${endpoint(file, 'download')}?${new URLSearchParams(signed(parameters))}`;
  };
  const destroy = (file: MediaFile) =>
    post(
      endpoint(file, 'destroy'),
      signed({ public_id: publicId(file), timestamp: timestamp(), type: 'private', invalidate: true }),
    );
  const open = (file: MediaFile) =>
    reaching('Cloudinary', () => sourceOf(() => downloadUrl(file, new Date(now() + 60_000), false)));

  return {
    name: 'cloudinary',
    // Cloudinary takes a signature for an hour after its timestamp: an earlier one makes it die with the ticket.
    ticket: async (file, expiresAt) => ({
      uploadUrl: endpoint(file, 'upload'),
      method: 'POST',
      fields: uploadParameters(file, Math.floor(expiresAt.getTime() / 1_000) - SIGNATURE_LIFE_S),
    }),
    uploaded: open,
    accept: async () => {},
    discard: async () => {},
    open,
    putThumbnail: (file, bytes) =>
      reaching('Cloudinary', () => {
        const thumbnail = thumbnailOf(file);
        const content = new Blob([Buffer.from(bytes)], { type: 'image/webp' });
        return post(endpoint(thumbnail, 'upload'), uploadParameters(thumbnail, timestamp()), content);
      }),
    link: async (file, part, expiresAt) =>
      part === 'thumbnail'
        ? downloadUrl(thumbnailOf(file), expiresAt, false)
        : downloadUrl(file, expiresAt, file.kind === 'file'),
    // `destroy` of what is not there answers 200 with `result: "not found"`
    remove: (file) =>
      reaching('Cloudinary', async () => {
        await destroy(file);
        if (file.kind === 'image') await destroy(thumbnailOf(file));
      }),
  };
}

/** Source: "Signatures are valid for one hour from the timestamp" in Cloudinary's documentation. */
const SIGNATURE_LIFE_S = 3_600;

/** The file behind a link as a source: its first byte tells its size. */
async function sourceOf(url: () => string): Promise<MediaSource | null> {
  const get = (range: string | undefined) =>
    fetch(url(), {
      ...(range !== undefined && { headers: { range } }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  const first = await get('bytes=0-0');
  await first.arrayBuffer();
  if (first.status === 404) return null;
  if (!first.ok) throw new Error(`Cloudinary answered ${first.status}`);
  const size = Number(first.headers.get('content-range')?.split('/')[1] ?? first.headers.get('content-length') ?? 0);
  return {
    size,
    version: first.headers.get('etag') ?? String(size),
    read: (start, end) =>
      reaching('Cloudinary', async () => {
        if (end < start) return new Uint8Array();
        const response = await get(`bytes=${start}-${end}`);
        if (!response.ok) throw new Error(`Cloudinary answered ${response.status}`);
        const bytes = new Uint8Array(await response.arrayBuffer());
        // a server that does not know ranges sends everything
        return response.status === 206 ? bytes : bytes.subarray(start, end + 1);
      }),
    async *stream() {
      try {
        const response = await get(undefined);
        if (!response.ok || !response.body) throw new Error(`Cloudinary answered ${response.status}`);
        for await (const chunk of response.body) yield chunk;
      } catch (error) {
        throw unreachable('Cloudinary', error);
      }
    },
  };
}
