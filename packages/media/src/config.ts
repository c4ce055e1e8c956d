import type { ExternalMediaPolicy, MediaPolicy } from '@confab/chat';
import { limits } from '@confab/contracts';
import Type, { type Static } from 'typebox';
import { defaultTypes } from './content-types.ts';

const MB = 1024 ** 2;
const GB = 1024 ** 3;

const bytes = (description: string, preset: number) =>
  Type.Integer({
    description: `${description}, in bytes`,
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    default: preset,
    examples: [preset],
  });
const fileBytes = (description: string, preset: number) =>
  Type.Integer({
    description: `${description}, in bytes`,
    minimum: 1,
    maximum: limits.mediaSize,
    default: preset,
    examples: [preset],
  });
const count = (description: string, preset: number, maximum = 1_000_000) =>
  Type.Integer({ description, minimum: 1, maximum, default: preset, examples: [preset] });
const typesOf = (kind: string, preset: readonly string[]) =>
  Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*$' }), {
    description: `the content types that are taken as ${kind}`,
    default: [...preset],
    examples: [preset.slice(0, 2).join(',')],
  });
const text = (description: string, example: string) =>
  Type.Optional(Type.String({ description, minLength: 1, examples: [example] }));

/** Media that messages name by URL. */
export const externalMediaVariables = {
  MEDIA_ALLOW_EXTERNAL: Type.Boolean({
    description: 'whether messages may name media elsewhere by an https URL',
    default: true,
    examples: [true],
  }),
  MEDIA_EXTERNAL_HOSTS: Type.Array(Type.String({ pattern: '^[a-z0-9.-]+$' }), {
    description: 'the only hosts that such URLs may name; none given: any host',
    default: [],
    examples: ['cdn.example.com,images.example.com'],
  }),
};

export const mediaSecretVariable = (description: string) =>
  Type.Optional(
    Type.String({
      description,
      minLength: 32,
      writeOnly: true,
      examples: ['another-long-random-string-of-32-characters'],
    }),
  );

/** Where uploads go, and what is taken. The api and the worker must be given the same. */
export const mediaVariables = {
  MEDIA_PROVIDER: Type.Enum(['none', 'local', 's3', 'cloudinary'], {
    description: 'where uploaded media are stored; none: no uploads',
    default: 'none',
    examples: ['s3'],
  }),
  MEDIA_DIR: Type.String({
    description: 'local: the folder of the files, the same one for every api and worker',
    minLength: 1,
    default: '.data/media',
    examples: ['/var/lib/confab/media'],
  }),
  MEDIA_SECRET: mediaSecretVariable(
    'local: the secret that signs upload tickets and links, the same for every api and worker',
  ),
  MEDIA_PUBLIC_URL: Type.Optional(
    Type.String({
      description: 'local: the URL under which clients reach the api',
      pattern: '^https?://[^\\s?#]+[^/\\s?#]$',
      examples: ['https://chat.example.com'],
    }),
  ),
  MEDIA_S3_BUCKET: text('s3: the bucket', 'confab-media'),
  MEDIA_S3_REGION: Type.String({ description: 's3: the region', default: 'us-east-1', examples: ['eu-central-1'] }),
  MEDIA_S3_ENDPOINT: Type.Optional(
    Type.String({
      description: 's3: the URL of an S3-compatible service that is not AWS, as clients reach it',
      pattern: '^https?://\\S+$',
      examples: ['https://s3.example.com'],
    }),
  ),
  MEDIA_S3_ACCESS_KEY_ID: text('s3: the access key (absent: what the machine has, as the AWS SDK finds it)', 'AKIA...'),
  MEDIA_S3_SECRET_ACCESS_KEY: text('s3: its secret', 'wJalr...'),
  MEDIA_S3_FORCE_PATH_STYLE: Type.Boolean({
    description: 's3: whether the bucket is in the path instead of the host name',
    default: false,
    examples: [true],
  }),
  MEDIA_S3_PREFIX: Type.String({
    description: 's3: what stands before every key',
    pattern: '^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$',
    default: '',
    examples: ['chat'],
  }),
  MEDIA_CLOUDINARY_CLOUD_NAME: text('cloudinary: the cloud name', 'demo'),
  MEDIA_CLOUDINARY_API_KEY: text('cloudinary: the API key', '123456789012345'),
  MEDIA_CLOUDINARY_API_SECRET: text('cloudinary: the API secret', 'abcdefghijklmnopqrstuvwxyz1'),
  MEDIA_CLOUDINARY_FOLDER: Type.String({
    description: 'cloudinary: the folder of the public ids',
    pattern: '^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$',
    default: 'confab',
    examples: ['confab'],
  }),
  MEDIA_CLOUDINARY_API_URL: Type.String({
    description: 'cloudinary: the URL of the API (another one in the EU and Asia-Pacific regions)',
    pattern: '^https?://[^\\s?#]+[^/\\s?#]$',
    default: 'https://api.cloudinary.com',
    examples: ['https://api-eu.cloudinary.com'],
  }),
  MEDIA_MAX_IMAGE_BYTES: fileBytes('the size of an image at most', 20 * MB),
  MEDIA_MAX_VIDEO_BYTES: fileBytes('the size of a video at most', 200 * MB),
  MEDIA_MAX_AUDIO_BYTES: fileBytes('the size of a sound at most', 50 * MB),
  MEDIA_MAX_FILE_BYTES: fileBytes('the size of any other file at most', 100 * MB),
  MEDIA_IMAGE_TYPES: typesOf('image', defaultTypes.image),
  MEDIA_VIDEO_TYPES: typesOf('video', defaultTypes.video),
  MEDIA_AUDIO_TYPES: typesOf('audio', defaultTypes.audio),
  MEDIA_FILE_TYPES: typesOf('file', defaultTypes.file),
  MEDIA_MAX_PIXELS: count('the pixels (width times height) of an image at most', 50_000_000, 1_000_000_000),
  MEDIA_UPLOADS_PER_MINUTE: count('upload tickets that one user gets in a minute', limits.uploadsPerMinute),
  MEDIA_DAILY_FILES: count('files that one user may upload in 24 hours', 500),
  MEDIA_DAILY_BYTES: bytes('what one user may upload in 24 hours', 2 * GB),
  MEDIA_USER_BYTES: bytes('what one user may have stored', 20 * GB),
  MEDIA_TICKET_SECONDS: count('the seconds that an upload ticket is good for', limits.mediaTicketSeconds, 3_600),
  MEDIA_LINK_SECONDS: count('the seconds that a link to a file is good for', limits.mediaLinkSeconds, 604_800),
  MEDIA_UNUSED_HOURS: count(
    'the hours after which an upload that no message names is removed',
    limits.mediaUnusedHours,
    720,
  ),
};

const MediaConfigSchema = Type.Object(mediaVariables);
const ExternalSchema = Type.Object(externalMediaVariables);
export type MediaVariables = Static<typeof MediaConfigSchema>;
export type ExternalMediaVariables = Static<typeof ExternalSchema>;

/** Rules over several variables. @returns one line per problem, with its fix */
export function checkMedia(config: MediaVariables): string[] {
  const needed = {
    none: [],
    local: ['MEDIA_SECRET', 'MEDIA_PUBLIC_URL'],
    s3: ['MEDIA_S3_BUCKET'],
    cloudinary: ['MEDIA_CLOUDINARY_CLOUD_NAME', 'MEDIA_CLOUDINARY_API_KEY', 'MEDIA_CLOUDINARY_API_SECRET'],
  } as const;
  const missing = needed[config.MEDIA_PROVIDER]
    .filter((name) => config[name] === undefined)
    .map((name) => `${name} is missing: MEDIA_PROVIDER is ${config.MEDIA_PROVIDER}, which needs it`);
  const halfKey = (config.MEDIA_S3_ACCESS_KEY_ID === undefined) !== (config.MEDIA_S3_SECRET_ACCESS_KEY === undefined);
  if (!halfKey) return missing;
  return [...missing, 'MEDIA_S3_ACCESS_KEY_ID and MEDIA_S3_SECRET_ACCESS_KEY belong together: set both, or neither'];
}

export function policyOf(config: MediaVariables): MediaPolicy {
  return {
    maxBytes: {
      image: config.MEDIA_MAX_IMAGE_BYTES,
      video: config.MEDIA_MAX_VIDEO_BYTES,
      audio: config.MEDIA_MAX_AUDIO_BYTES,
      file: config.MEDIA_MAX_FILE_BYTES,
    },
    types: {
      image: config.MEDIA_IMAGE_TYPES,
      video: config.MEDIA_VIDEO_TYPES,
      audio: config.MEDIA_AUDIO_TYPES,
      file: config.MEDIA_FILE_TYPES,
    },
    ticketsPerMinute: config.MEDIA_UPLOADS_PER_MINUTE,
    dailyFiles: config.MEDIA_DAILY_FILES,
    dailyBytes: config.MEDIA_DAILY_BYTES,
    userBytes: config.MEDIA_USER_BYTES,
    ticketSeconds: config.MEDIA_TICKET_SECONDS,
    linkSeconds: config.MEDIA_LINK_SECONDS,
    unusedHours: config.MEDIA_UNUSED_HOURS,
  };
}

export const externalPolicyOf = (config: ExternalMediaVariables): ExternalMediaPolicy => ({
  allowed: config.MEDIA_ALLOW_EXTERNAL,
  hosts: config.MEDIA_EXTERNAL_HOSTS,
});
