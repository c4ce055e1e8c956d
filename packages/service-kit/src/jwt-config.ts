import { createPublicKey } from 'node:crypto';
import type { Algorithm } from 'fast-jwt';
import Type, { type Static } from 'typebox';
import { ConfigError } from './config.ts';

const SECRET_FIX = 'set it to the secret your application signs tokens with (at least 32 characters)';

const AlgorithmName = Type.Enum([
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]);

export const jwtSecretVariable = (description: string) =>
  Type.Optional(
    Type.String({
      description,
      minLength: 32,
      writeOnly: true,
      examples: ['a-long-random-string-of-at-least-32-characters'],
    }),
  );

/** Which tokens are good. Exactly one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL is set: `checkJwt`. */
export const jwtVariables = {
  JWT_SECRET: jwtSecretVariable('the secret your application signs tokens with'),
  JWT_PUBLIC_KEY: Type.Optional(
    Type.String({
      description: 'instead of JWT_SECRET, the public key of your application in PEM form (\\n for line ends)',
      pattern: '-----BEGIN (RSA )?PUBLIC KEY-----',
      examples: ['-----BEGIN PUBLIC KEY-----\\n...\\n-----END PUBLIC KEY-----'],
    }),
  ),
  JWT_JWKS_URL: Type.Optional(
    Type.String({
      description: 'instead of JWT_SECRET, the URL of the key set (JWKS) of your identity provider',
      pattern: '^https?://\\S+$',
      examples: ['https://login.example.com/.well-known/jwks.json'],
    }),
  ),
  JWT_ALGORITHMS: Type.Array(AlgorithmName, {
    description:
      'the signature algorithms that are accepted; if absent HS256 with a secret, what fits the key with a public key, RS256 and ES256 with a key set',
    default: [],
    examples: ['RS256'],
  }),
  JWT_USER_CLAIM: Type.String({
    description: 'the claim that holds the user id',
    minLength: 1,
    default: 'sub',
    examples: ['sub'],
  }),
  JWT_ISSUER: Type.Optional(
    Type.String({ description: 'the issuer (iss) that tokens must name', examples: ['https://login.example.com/'] }),
  ),
  JWT_AUDIENCE: Type.Optional(
    Type.String({ description: 'the audience (aud) that tokens must name', examples: ['chat'] }),
  ),
  JWT_CLOCK_TOLERANCE: Type.Integer({
    description: 'the seconds by which clocks may differ when a token is checked',
    minimum: 0,
    maximum: 300,
    default: 0,
    examples: [5],
  }),
};

const JwtSchema = Type.Object(jwtVariables);
export type JwtConfig = Static<typeof JwtSchema>;

const SOURCES = ['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWT_JWKS_URL'] as const;

/** Rules over the JWT variables, for `loadConfig(schema, env, [checkJwt])`. */
export function checkJwt(config: JwtConfig): string[] {
  const set = SOURCES.filter((name) => config[name] !== undefined);
  if (set.length === 0) {
    return [`JWT_SECRET is missing: ${SECRET_FIX}, or set JWT_PUBLIC_KEY or JWT_JWKS_URL instead`];
  }
  if (set.length > 1) return [`${set.join(' and ')} are both set: keep the one that your application signs with`];
  if (config.JWT_SECRET?.includes('-----BEGIN')) {
    return ['JWT_SECRET is not valid: it holds a key in PEM form; put a public key into JWT_PUBLIC_KEY'];
  }
  return config.JWT_PUBLIC_KEY ? checkPublicKey(config) : checkAlgorithms(config);
}

function checkPublicKey(config: JwtConfig): string[] {
  try {
    const fitting = algorithmsOfKey(publicKeyPem(config) ?? '');
    const wrong = config.JWT_ALGORITHMS.filter((name) => !fitting.includes(name));
    if (wrong.length === 0) return [];
    return [`JWT_ALGORITHMS is not valid: ${wrong.join(', ')} does not fit JWT_PUBLIC_KEY; use ${fitting.join(', ')}`];
  } catch {
    return ['JWT_PUBLIC_KEY is not valid: set it to the whole PEM text, with \\n for line ends'];
  }
}

function checkAlgorithms(config: JwtConfig): string[] {
  const symmetric = config.JWT_SECRET !== undefined;
  const wrong = config.JWT_ALGORITHMS.filter((name) => name.startsWith('HS') !== symmetric);
  if (wrong.length === 0) return [];
  const fix = symmetric ? 'use HS256, HS384 or HS512 with JWT_SECRET' : 'HS algorithms work with JWT_SECRET only';
  return [`JWT_ALGORITHMS is not valid: ${wrong.join(', ')}; ${fix}`];
}

/** The key of JWT_PUBLIC_KEY with its line ends restored. */
export const publicKeyPem = (config: JwtConfig) => config.JWT_PUBLIC_KEY?.replaceAll('\\n', '\n');

/**
 * The algorithms that a verifier accepts: what is configured, else what fits the key. Never `none`, never HS with a public key.
 * @throws ConfigError if the variables do not fit together
 */
export function acceptedAlgorithms(config: JwtConfig): Algorithm[] {
  const problems = checkJwt(config);
  if (problems.length > 0) throw new ConfigError(problems);
  if (config.JWT_ALGORITHMS.length > 0) return config.JWT_ALGORITHMS;
  if (config.JWT_SECRET) return ['HS256'];
  const pem = publicKeyPem(config);
  return pem ? algorithmsOfKey(pem).slice(0, 1) : ['RS256', 'ES256'];
}

const CURVES: Record<string, Algorithm[]> = { prime256v1: ['ES256'], secp384r1: ['ES384'], secp521r1: ['ES512'] };

function algorithmsOfKey(pem: string): Algorithm[] {
  const key = createPublicKey(pem);
  if (key.asymmetricKeyType === 'rsa') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
  if (key.asymmetricKeyType === 'ec') return CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? unknownKey();
  return key.asymmetricKeyType === 'ed25519' ? ['EdDSA'] : unknownKey();
}

function unknownKey(): never {
  throw new Error('A key of a kind that signs no tokens');
}
