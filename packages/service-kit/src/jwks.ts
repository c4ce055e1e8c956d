import { ChatError } from '@confab/contracts';
import buildGetJwks from 'get-jwks';
import { LRUCache } from 'lru-cache';

/** Keys of one set held at a time. Source: providers publish 2 to 4; room for a rotation of all of them. */
const MAX_KEYS = 50;
/** Milliseconds before a key is fetched again. Source: the default of get-jwks, ten times: revocation is by the application. */
const KEY_TTL_MS = 600_000;
/** Milliseconds that one fetch may take. */
const FETCH_TIMEOUT_MS = 5_000;
/** Fetches for key ids never seen, per window: invented ids must not turn us into a flood on the provider. */
const UNKNOWN_FETCHES = 5;
const UNKNOWN_WINDOW_MS = 10_000;

export interface TokenHeader {
  alg?: unknown;
  kid?: unknown;
}

/**
 * Looks up the key that signed a token in the key set at `url`. Bounded: keys are cached, a stale key serves while the provider is
 * down, and unknown key ids cost at most 5 fetches in 10 s.
 * @returns the key as PEM
 * @throws ChatError UNAUTHENTICATED (no such key), UNAVAILABLE (the provider does not answer)
 */
export function createJwksKeys(url: string, now: () => number = Date.now): (header: TokenHeader) => Promise<string> {
  const { origin, pathname, search } = new URL(url);
  const jwks = buildGetJwks({
    max: MAX_KEYS,
    ttl: KEY_TTL_MS,
    jwksPath: pathname + search,
    issuersWhitelist: [origin],
  });
  const known = new LRUCache<string, true>({ max: MAX_KEYS });
  const allowUnknown = windowBudget(UNKNOWN_FETCHES, UNKNOWN_WINDOW_MS, now);

  return async ({ alg, kid }) => {
    if (typeof alg !== 'string' || typeof kid !== 'string' || kid.length > 256) {
      throw new ChatError('UNAUTHENTICATED', { reason: 'The token names no key (kid)' });
    }
    const id = `${alg}:${kid}`;
    if (!known.has(id) && !allowUnknown()) {
      throw new ChatError('UNAVAILABLE', { retryAfter: UNKNOWN_WINDOW_MS / 1_000, reason: 'Too many unknown keys' });
    }
    const cacheKey = jwks.generateCacheKey(alg, kid, `${origin}/`);
    const forget = () => jwks.cache.delete(cacheKey);
    const pem = await withTimeout(jwks.getPublicKey({ domain: origin, alg, kid }), forget).catch(explain);
    known.set(id, true);
    return pem;
  };
}

function windowBudget(limit: number, windowMs: number, now: () => number): () => boolean {
  let windowEnd = 0;
  let used = 0;
  return () => {
    if (now() >= windowEnd) {
      windowEnd = now() + windowMs;
      used = 0;
    }
    used += 1;
    return used <= limit;
  };
}

/** get-jwks has no time limit of its own that fetch would know of. */
async function withTimeout<T>(work: Promise<T>, onTimeout: () => void): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      onTimeout();
      reject(new Error(`The key set did not answer within ${FETCH_TIMEOUT_MS} ms`));
    }, FETCH_TIMEOUT_MS);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

function explain(cause: unknown): never {
  const code = (cause as { code?: string }).code ?? '';
  if (/JWK_NOT_FOUND|NO_JWKS$/.test(code)) {
    throw new ChatError('UNAUTHENTICATED', { reason: 'The token was signed with an unknown key', cause });
  }
  throw new ChatError('UNAVAILABLE', { retryAfter: 5, reason: 'The key set of tokens is not available', cause });
}
