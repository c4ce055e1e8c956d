import type { ErrorCode } from '@confab/contracts';
import { Counter, type Registry } from 'prom-client';

/** What is known of a file when it is counted. */
interface CountedFile {
  kind: string;
  /** Bytes. */
  size: number;
}

/** Counts what becomes of media; its first five parts are the domain's `MediaMeter`. */
export interface MediaMetrics {
  ticket(file: CountedFile): void;
  checked(file: CountedFile, result: 'accepted' | ErrorCode): void;
  linked(part: 'original' | 'thumbnail'): void;
  thumbnail(result: 'made' | 'none' | 'failed'): void;
  removed(file: CountedFile, why: 'deleted' | 'refused' | 'unused'): void;
  /** A file was read from us (storage `local`; the others are read without us). @param bytes that were read of it */
  downloaded(bytes: number): void;
  /** Parts of uploads that broke off were removed (storage `local`). */
  swept(parts: number): void;
}

/** @param storage the provider's name, a label of everything */
export function createMediaMetrics(registry: Registry, storage: string): MediaMetrics {
  const registers = [registry];
  const counter = <L extends string = never>(name: string, help: string, labels: L[] = []) =>
    new Counter<L | 'storage'>({
      name: `confab_media_${name}_total`,
      help,
      labelNames: ['storage', ...labels],
      registers,
    });
  const tickets = counter('tickets', 'Upload tickets given', ['kind']);
  const uploads = counter('uploads', 'Checks of uploads, by `accepted` or the code of the error', ['kind', 'result']);
  const uploadBytes = counter('upload_bytes', 'Bytes of accepted uploads', ['kind']);
  const links = counter('links', 'Links signed for readers', ['part']);
  const thumbnails = counter('thumbnails', 'Thumbnails: made, none (not of this kind of image), failed (tried again)', [
    'result',
  ]);
  const removals = counter('removals', 'Uploads whose bytes were removed, and why', ['reason']);
  const removedBytes = counter('removed_bytes', 'Bytes of uploads that were removed, and why', ['reason']);
  const downloads = counter('downloads', 'Files that this service sent (storage local)');
  const downloadBytes = counter('download_bytes', 'Bytes of files that this service sent (storage local)');
  const series = { storage };
  return {
    ticket: ({ kind }) => tickets.inc({ ...series, kind }),
    checked({ kind, size }, result) {
      uploads.inc({ ...series, kind, result });
      if (result === 'accepted') uploadBytes.inc({ ...series, kind }, size);
    },
    linked: (part) => links.inc({ ...series, part }),
    thumbnail: (result) => thumbnails.inc({ ...series, result }),
    removed({ size }, reason) {
      removals.inc({ ...series, reason });
      removedBytes.inc({ ...series, reason }, size);
    },
    downloaded(bytes) {
      downloads.inc(series);
      downloadBytes.inc(series, bytes);
    },
    swept: (parts) => removals.inc({ ...series, reason: 'broken_off' }, parts),
  };
}

/** Media whose fate is counted in `registry`; undefined where there is none. */
export function measureMedia<M extends { storage: { name: string } }>(
  media: M | undefined,
  registry: Registry,
): (M & { meter: MediaMetrics }) | undefined {
  return media && { ...media, meter: createMediaMetrics(registry, media.storage.name) };
}
