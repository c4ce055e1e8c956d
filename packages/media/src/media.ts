import type { MediaMeter, MediaParts, MediaStorage } from '@confab/chat';
import { createCloudinaryStorage } from './cloudinary/cloudinary-storage.ts';
import { type MediaVariables, policyOf } from './config.ts';
import { createInspector } from './inspector.ts';
import { createLocalStorage, type LocalStorage } from './local/local-storage.ts';
import { createS3Storage } from './s3/s3-storage.ts';

/** Is told of what happens at the local disk, which with other providers happens elsewhere. */
export interface LocalMediaMeter {
  /** A file was sent. @param bytes that were read of it */
  downloaded(bytes: number): void;
  /** Parts of uploads that broke off were removed. */
  swept(parts: number): void;
}

/** What a process needs for uploads. */
export interface Media extends MediaParts {
  meter?: (MediaMeter & LocalMediaMeter) | undefined;
  /** Where the provider is the local disk: the api serves its tickets and links, and the worker sweeps it. */
  local?: LocalStorage;
}

/**
 * @param publicUrl for `local` where the URL is known only once the server listens; else MEDIA_PUBLIC_URL
 * @returns undefined where the deployment takes no uploads
 */
export function createMedia(config: MediaVariables, publicUrl?: () => string): Media | undefined {
  if (config.MEDIA_PROVIDER === 'none') return undefined;
  const rest = { inspector: createInspector({ maxPixels: config.MEDIA_MAX_PIXELS }), policy: policyOf(config) };
  if (config.MEDIA_PROVIDER !== 'local') return { ...rest, storage: remoteStorage(config) };
  const local = createLocalStorage({
    folder: config.MEDIA_DIR,
    secret: config.MEDIA_SECRET ?? '',
    publicUrl: publicUrl ?? (() => config.MEDIA_PUBLIC_URL ?? ''),
  });
  return { ...rest, storage: local, local };
}

function remoteStorage(config: MediaVariables): MediaStorage {
  if (config.MEDIA_PROVIDER === 'cloudinary') {
    return createCloudinaryStorage({
      cloudName: config.MEDIA_CLOUDINARY_CLOUD_NAME ?? '',
      apiKey: config.MEDIA_CLOUDINARY_API_KEY ?? '',
      apiSecret: config.MEDIA_CLOUDINARY_API_SECRET ?? '',
      folder: config.MEDIA_CLOUDINARY_FOLDER,
      apiUrl: config.MEDIA_CLOUDINARY_API_URL,
    });
  }
  const { MEDIA_S3_ACCESS_KEY_ID: accessKeyId, MEDIA_S3_SECRET_ACCESS_KEY: secretAccessKey } = config;
  const endpoint = config.MEDIA_S3_ENDPOINT;
  return createS3Storage({
    bucket: config.MEDIA_S3_BUCKET ?? '',
    region: config.MEDIA_S3_REGION,
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined && { credentials: { accessKeyId, secretAccessKey } }),
    forcePathStyle: config.MEDIA_S3_FORCE_PATH_STYLE,
    prefix: config.MEDIA_S3_PREFIX,
  });
}
