import { ChatError, publicUrlProblem, UserId, UserProfile, validatorOf } from '@confab/contracts';
import { createVerifier, TOKEN_ERROR_CODES } from 'fast-jwt';
import { createJwksKeys, type TokenHeader } from './jwks.ts';
import { acceptedAlgorithms, type JwtConfig, publicKeyPem } from './jwt-config.ts';

/** Who a token stands for. */
export interface Identity {
  userId: string;
  /** Claims of the profile that are well-formed; others are left out. */
  profile: UserProfile;
  /** The token's `jti`, by which it can be revoked. */
  tokenId: string | undefined;
  /** Unix seconds; 0 if the token does not say, so that every revocation of the user meets it. */
  issuedAt: number;
  /** Unix seconds. */
  expiresAt: number;
  /** From `scope` (separated by spaces) or `scopes`/`scp` (a list). */
  scopes: string[];
}

export interface TokenVerifier {
  /**
   * @returns who the token stands for
   * @throws ChatError TOKEN_EXPIRED; UNAUTHENTICATED (anything else that is wrong with it); UNAVAILABLE (no answer from the key set)
   */
  verify(token: string): Promise<Identity>;
}

/** Characters of a token. Source: Node refuses header blocks above 16 KB; tokens of large providers stay under 4 KB. */
const MAX_TOKEN_LENGTH = 8_192;
/** Verified tokens kept by hash. Source: one per socket of a full gateway. */
const CACHE_SIZE = 10_000;
/** Milliseconds that a verified token is kept; never past its `exp`. */
const CACHE_TTL_MS = 60_000;
/** Unix seconds above which a date is not one (year 5138); refuses 1e999, which JSON reads as Infinity. */
const MAX_DATE = 1e11;

function verifierOptions(config: JwtConfig) {
  const keyOf = keySource(config);
  return {
    key: ({ header }: { header: TokenHeader }) => keyOf(header),
    algorithms: acceptedAlgorithms(config),
    requiredClaims: [
      'exp',
      config.JWT_USER_CLAIM,
      ...(config.JWT_ISSUER ? ['iss'] : []),
      ...(config.JWT_AUDIENCE ? ['aud'] : []),
    ],
    ...(config.JWT_ISSUER && { allowedIss: config.JWT_ISSUER }),
    ...(config.JWT_AUDIENCE && { allowedAud: config.JWT_AUDIENCE }),
    clockTolerance: config.JWT_CLOCK_TOLERANCE * 1_000,
    cache: CACHE_SIZE,
    cacheTTL: CACHE_TTL_MS,
    errorCacheTTL: -1,
  };
}

function keySource(config: JwtConfig): (header: TokenHeader) => Promise<string> {
  const algorithms: unknown[] = acceptedAlgorithms(config);
  const fixed = config.JWT_SECRET ?? publicKeyPem(config);
  const find = fixed === undefined ? createJwksKeys(config.JWT_JWKS_URL ?? '') : async () => fixed;
  return async (header) => {
    // Before any look-up: a key set is not asked for tokens that are refused anyway.
    if (!algorithms.includes(header.alg))
      throw new ChatError('UNAUTHENTICATED', { reason: 'The algorithm is not accepted' });
    if ('crit' in header) throw new ChatError('UNAUTHENTICATED', { reason: 'Critical extensions are not supported' });
    return find(header);
  };
}

/**
 * The verifier of both services, so that they accept exactly the same tokens. Verified tokens are cached by hash until they expire.
 * @throws ConfigError if the JWT variables do not fit together
 */
export function createTokenVerifier(config: JwtConfig): TokenVerifier {
  const verifyToken = createVerifier(verifierOptions(config));
  return {
    async verify(token) {
      if (typeof token !== 'string' || token.length === 0 || token.length > MAX_TOKEN_LENGTH)
        throw new ChatError('UNAUTHENTICATED');
      try {
        return identityFromClaims(await verifyToken(token), config);
      } catch (error) {
        throw authError(error);
      }
    },
  };
}

/** What a failed verification is told as. */
function authError(error: unknown): ChatError {
  if (error instanceof ChatError) return error;
  const { code, originalError } = error as { code?: string; originalError?: unknown };
  if (originalError instanceof ChatError) return originalError;
  return new ChatError(code === TOKEN_ERROR_CODES.expired ? 'TOKEN_EXPIRED' : 'UNAUTHENTICATED', { cause: error });
}

const userIdValidator = validatorOf(UserId);
const profileValidators = Object.entries(UserProfile.properties).map(
  ([claim, schema]) => [claim as keyof UserProfile, validatorOf(schema)] as const,
);

/**
 * Checks the claims of a verified token, whose types no signature vouches for.
 * @throws ChatError UNAUTHENTICATED if the user id is not an id, or a date is not a date
 */
function identityFromClaims(claims: unknown, config: Pick<JwtConfig, 'JWT_USER_CLAIM'>): Identity {
  const own = ownClaims(claims);
  const userId = own[config.JWT_USER_CLAIM];
  if (!userIdValidator.Check(userId))
    throw new ChatError('UNAUTHENTICATED', { reason: 'The token names no valid user id' });
  const expiresAt = dateClaim(own, 'exp');
  if (expiresAt === undefined) throw new ChatError('UNAUTHENTICATED', { reason: 'The token never expires' });
  dateClaim(own, 'nbf');
  return {
    userId: userId as string,
    profile: profileOf(own),
    tokenId: typeof own.jti === 'string' && own.jti.length > 0 && own.jti.length <= 256 ? own.jti : undefined,
    issuedAt: dateClaim(own, 'iat') ?? 0,
    expiresAt,
    scopes: scopesOf(own),
  };
}

function ownClaims(claims: unknown): Record<string, unknown> {
  if (typeof claims !== 'object' || claims === null) throw new ChatError('UNAUTHENTICATED');
  // Without a prototype, a claim name like `constructor` finds what the token says or nothing.
  return Object.assign(Object.create(null), claims) as Record<string, unknown>;
}

function dateClaim(claims: Record<string, unknown>, name: string): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !(value >= 0 && value < MAX_DATE)) {
    throw new ChatError('UNAUTHENTICATED', { reason: `The ${name} claim is not a date` });
  }
  return value;
}

function profileOf(claims: Record<string, unknown>): UserProfile {
  const profile: UserProfile = {};
  for (const [claim, validator] of profileValidators) {
    const value = claims[claim];
    if (validator.Check(value)) profile[claim] = value as string;
  }
  // Other users' clients load it.
  if (profile.profileImage && publicUrlProblem(profile.profileImage) !== undefined) delete profile.profileImage;
  return profile;
}

function scopesOf(claims: Record<string, unknown>): string[] {
  const { scope } = claims;
  if (typeof scope === 'string') return scope.split(' ').filter(Boolean);
  const list = [scope, claims.scopes, claims.scp].find((value) => Array.isArray(value));
  return (list ?? []).filter((item): item is string => typeof item === 'string' && item.length > 0);
}
