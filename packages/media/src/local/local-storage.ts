import { randomBytes } from 'node:crypto';
import { createReadStream, type ReadStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { MediaStorage } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { contentDisposition } from '../content-types.ts';
import { createLinkSigner } from '../link-signer.ts';
import { reaching } from '../storage-failure.ts';
import { fileSource, keepAs, mediaFolder, receiveFile, removeFile, statOf, sweepParts } from './files.ts';

/** Paths that the api serves for this provider. */
export const localPaths = {
  upload: '/api/chat/media/local/uploads/:mediaId',
  download: '/api/chat/media/local/files/:mediaId',
} as const;

export interface LocalStorageOptions {
  /** The folder; every api and worker that shares the uploads must see the same one. */
  folder: string;
  /** Signs tickets and links: the same in every api and worker. */
  secret: string;
  /** Where clients reach the api, without a slash at the end. */
  publicUrl: () => string;
  now?: () => number;
}

export interface LocalUpload {
  mediaId: string;
  size: number;
  contentType: string;
  expiresAt: Date;
}

export interface LocalDownload {
  path: string;
  size: number;
  contentType: string;
  disposition: string;
  /** Strong: bytes behind an id never change. */
  etag: string;
  expiresAt: Date;
  stream(range?: { start: number; end: number }): ReadStream;
}

export interface LocalStorage extends MediaStorage {
  /** What a ticket allows. @throws ChatError MEDIA_LINK_INVALID, MEDIA_LINK_EXPIRED */
  openTicket(mediaId: string, query: Record<string, unknown>): LocalUpload;
  /** Streams a body to the place that the ticket named. @throws ChatError MEDIA_TOO_LARGE, MEDIA_CONTENT_MISMATCH, CONFLICT, UNAVAILABLE (disk) */
  receive(upload: LocalUpload, body: AsyncIterable<Uint8Array>): Promise<void>;
  /** What a link reads. @throws ChatError MEDIA_LINK_INVALID, MEDIA_LINK_EXPIRED, NOT_FOUND */
  openLink(mediaId: string, query: Record<string, unknown>): Promise<LocalDownload>;
  /** Removes what crashed uploads left behind. */
  sweep(before: Date): Promise<number>;
}

/**
 * Files in a folder, tickets and links signed with HMAC-SHA256 and served by the api. An upload is written to a name of its own, made durable, then
 * linked to where its check finds it: a crash leaves a `.part` that `sweep` removes.
 */
export function createLocalStorage(options: LocalStorageOptions): LocalStorage {
  const folder = mediaFolder(options.folder);
  const signer = createLinkSigner(options.secret, options.now);
  const disk = <T>(work: () => Promise<T>) => reaching('local disk', work);
  const address = (route: string, id: string, query: string) =>
    `${options.publicUrl()}${route.replace(':mediaId', id)}?${query}`;

  return {
    name: 'local',
    ticket: async (file, expiresAt) => {
      const query = signer.sign('upload', { id: file.id, type: file.contentType, size: String(file.size) }, expiresAt);
      return {
        uploadUrl: address(localPaths.upload, file.id, query),
        method: 'PUT',
        headers: { 'Content-Type': file.contentType },
      };
    },
    uploaded: (file) => disk(() => fileSource(folder.incoming(file.id))),
    accept: (file, version) =>
      disk(async () => {
        const incoming = await fileSource(folder.incoming(file.id));
        if (incoming?.version !== version) {
          if (!incoming && (await statOf(folder.original(file.id)))) return;
          throw new ChatError('CONFLICT', { retryAfter: 1, reason: 'The upload changed while it was checked' });
        }
        await keepAs(folder.incoming(file.id), folder.original(file.id));
      }),
    discard: (file) => disk(() => removeFile(folder.incoming(file.id))),
    open: (file) => disk(() => fileSource(folder.original(file.id))),
    putThumbnail: (file, bytes) =>
      disk(async () => {
        const target = folder.thumbnail(file.id);
        const part = `${target}.${randomBytes(6).toString('hex')}.part`;
        await mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
        await writeFile(part, bytes, { mode: 0o600, flush: true });
        await rename(part, target);
      }),
    link: async (file, part, expiresAt) => {
      const fields = { id: file.id, part, type: file.contentType, name: file.filename };
      return address(localPaths.download, file.id, signer.sign('download', fields, expiresAt));
    },
    remove: (file) =>
      disk(async () => {
        for (const place of [folder.incoming, folder.thumbnail, folder.original]) await removeFile(place(file.id));
      }),
    openTicket: (mediaId, query) => {
      const { fields, expiresAt } = signer.verify('upload', query);
      if (fields.id !== mediaId) throw new ChatError('MEDIA_LINK_INVALID');
      return { mediaId, size: Number(fields.size), contentType: fields.type ?? '', expiresAt };
    },
    receive: ({ mediaId, size }, body) =>
      disk(() => {
        const target = folder.incoming(mediaId);
        return receiveFile(body, size, target, `${target}.${randomBytes(6).toString('hex')}.part`);
      }),
    openLink: (mediaId, query) =>
      disk(async () => {
        const { fields, expiresAt } = signer.verify('download', query);
        if (fields.id !== mediaId) throw new ChatError('MEDIA_LINK_INVALID');
        const isThumbnail = fields.part === 'thumbnail';
        const file = isThumbnail ? folder.thumbnail(mediaId) : folder.original(mediaId);
        const found = await statOf(file);
        if (!found) throw new ChatError('NOT_FOUND');
        const contentType = isThumbnail ? 'image/webp' : (fields.type ?? 'application/octet-stream');
        return {
          path: file,
          size: found.size,
          contentType,
          disposition: contentDisposition(contentType, fields.name ?? 'file'),
          etag: `"${mediaId}${isThumbnail ? '-thumbnail' : ''}"`,
          expiresAt,
          stream: (range) => createReadStream(file, range),
        };
      }),
    sweep: (before) => disk(() => sweepParts(folder, before)),
  };
}
