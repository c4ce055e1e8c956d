import { chatVariables } from '@confab/api';
import { socketVariables } from '@confab/gateway';
import { checkMedia, mediaSecretVariable, mediaVariables } from '@confab/media';
import {
  checkJwt,
  corsVariables,
  type Environment,
  jwtSecretVariable,
  jwtVariables,
  loadConfig,
  logVariables,
  proxyVariables,
} from '@confab/service-kit';
import Type, { type Static } from 'typebox';

/** What other services must be given and standalone makes up: `loadStandaloneConfig`. */
const madeUpVariables = {
  JWT_SECRET: jwtSecretVariable(
    'the secret your application signs tokens with; made up if no key is given, and kept in DATA_DIR',
  ),
  MEDIA_DIR: Type.String({
    description: 'local: the folder of the files; DATA_DIR/media if absent',
    minLength: 1,
    default: '.data/media',
    examples: ['/var/lib/confab/media'],
  }),
  MEDIA_SECRET: mediaSecretVariable(
    'local: the secret that signs upload tickets and links; made up if absent, and kept in DATA_DIR',
  ),
  MEDIA_PUBLIC_URL: Type.Optional(
    Type.String({
      description: 'local: the URL under which clients reach this process; its own on this machine if absent',
      pattern: '^https?://[^\\s?#]+[^/\\s?#]$',
      examples: ['https://chat.example.com'],
    }),
  ),
};

export const StandaloneConfig = Type.Object({
  ...logVariables,
  HOST: Type.String({
    description: 'the address that everything listens on',
    default: '127.0.0.1',
    examples: ['0.0.0.0'],
  }),
  PORT: Type.Integer({
    description: 'the port of page, REST and sockets; 0 takes a free one',
    minimum: 0,
    maximum: 65_535,
    default: 3100,
    examples: [3100],
  }),
  DATA_DIR: Type.String({
    description: 'the folder that keeps messages, uploads and the generated secrets',
    minLength: 1,
    default: '.data',
    examples: ['/var/lib/confab'],
  }),
  MONGODB_URL: Type.Optional(
    Type.String({
      description: 'a MongoDB to use instead of the embedded store',
      pattern: '^mongodb(\\+srv)?://\\S+$',
      examples: ['mongodb://localhost:27017'],
    }),
  ),
  MONGODB_DATABASE: Type.String({
    description: 'the name of the database',
    pattern: '^[A-Za-z0-9_-]{1,63}$',
    default: 'confab',
    examples: ['confab'],
  }),
  DEMO: Type.Boolean({
    description: 'whether three demo users with tokens are made and told; off where real people come',
    default: true,
    examples: [true],
  }),
  ...jwtVariables,
  ...corsVariables,
  ...proxyVariables,
  ...chatVariables,
  ...mediaVariables,
  MEDIA_PROVIDER: Type.Enum(['none', 'local', 's3', 'cloudinary'], {
    description: 'where uploaded media are stored; none: no uploads',
    default: 'local',
    examples: ['local'],
  }),
  ...madeUpVariables,
  ...socketVariables,
});
export type StandaloneConfig = Static<typeof StandaloneConfig>;

/** What standalone makes up where the environment does not say. */
export interface Generated {
  secret(): string;
  mediaSecret(): string;
  mediaDir: string;
  /** The URL under which the process reaches itself; a free port is known later. */
  url: string;
}

/**
 * @param generated takes the place of missing keys: only standalone makes some up
 * @throws ConfigError that names every bad variable with its fix
 */
export function loadStandaloneConfig(env: Environment, generated: Generated): StandaloneConfig {
  const hasKey = Boolean(env.JWT_SECRET || env.JWT_PUBLIC_KEY || env.JWT_JWKS_URL);
  const complete = {
    ...env,
    ...(!hasKey && { JWT_SECRET: generated.secret() }),
    MEDIA_SECRET: env.MEDIA_SECRET || generated.mediaSecret(),
    MEDIA_DIR: env.MEDIA_DIR || generated.mediaDir,
    MEDIA_PUBLIC_URL: env.MEDIA_PUBLIC_URL || generated.url,
  };
  return loadConfig(StandaloneConfig, complete, [checkJwt, checkMedia]);
}
