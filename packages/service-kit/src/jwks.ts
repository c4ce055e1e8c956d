import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { ChatError } from '@confab/contracts';

/** Keys of a set that are held. Source: providers publish 2 to 4; room for a rotation of all of them, and none for a set without end. */
const MAX_KEYS = 50;
/** Bytes of a key set at most. Source: 50 RSA keys of 4,096 bits with their certificates. */
const MAX_BYTES = 512 * 1_024;
/** Milliseconds before the set is fetched again: how long a key is believed that its provider withdrew. */
const SET_TTL_MS = 600_000;
/** Milliseconds that one fetch may take. */
const FETCH_TIMEOUT_MS = 5_000;
/** Milliseconds between two tries to renew a set that is there. */
const RETRY_MS = 10_000;
/** Fetches for ids that no key has: this many at once, then one in this time (milliseconds). Invented ids must not turn us into a flood on the provider. */
const UNKNOWN_FETCHES = 5;
const UNKNOWN_EVERY_MS = 2_000;

export interface TokenHeader {
  alg?: unknown;
  kid?: unknown;
}

interface Key {
  pem: string;
  /** RSA, EC or OKP. */
  type: string;
  /** The only algorithm that it is for, where the set says one. */
  alg: string | undefined;
}

/**
 * Looks up the key that signed a token in the key set at `url`. The whole set is fetched and kept, so that a key that comes with a rotation is known
 * as soon as anybody, even an attacker with invented ids, makes us look. Bounded: see the constants; a stale set serves while the provider is down.
 * @returns the key as PEM
 * @throws ChatError UNAUTHENTICATED (no such key), UNAVAILABLE (the provider does not answer, or was asked too often)
 */
export function createJwksKeys(url: string, now: () => number = Date.now): (header: TokenHeader) => Promise<string> {
  const allowUnknown = fetchBudget(now);
  let keys = new Map<string, Key>();
  let renewAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<void> | undefined;

  const fetchNow = () => {
    // Set before it is known how it ends: of many requests one tries to renew, the others go on with what there is.
    renewAt = now() + RETRY_MS;
    flight = fetchKeys(url)
      .then((found) => {
        keys = found;
        renewAt = now() + SET_TTL_MS;
      })
      .finally(() => {
        flight = undefined;
      });
    return flight;
  };

  const renewIfStale = async () => {
    // A provider that is down does not shut everybody out.
    if (keys.size > 0 && now() >= renewAt && !flight) await fetchNow().catch(() => {});
  };

  /** What is on its way may have set out before the key was published: then it is asked for once more. */
  const search = async (kid: string): Promise<Key | undefined> => {
    if (flight) await flight.catch(explain);
    if (keys.has(kid)) return keys.get(kid);
    // many that wait share one fetch, and its price
    if (!flight && !allowUnknown()) {
      throw new ChatError('UNAVAILABLE', { retryAfter: UNKNOWN_EVERY_MS / 1_000, reason: 'Too many unknown keys' });
    }
    await (flight ?? fetchNow()).catch(explain);
    return keys.get(kid);
  };

  return async ({ alg, kid }) => {
    if (typeof alg !== 'string' || typeof kid !== 'string' || kid.length > 256) {
      throw new ChatError('UNAUTHENTICATED', { reason: 'The token names no key (kid)' });
    }
    await renewIfStale();
    const key = keys.get(kid) ?? (await search(kid));
    if (!key || !fits(key, alg)) {
      throw new ChatError('UNAUTHENTICATED', { reason: 'The token was signed with an unknown key' });
    }
    return key.pem;
  };
}

/** @returns takes one of the fetches; false if there is none left */
function fetchBudget(now: () => number): () => boolean {
  let left = UNKNOWN_FETCHES;
  let countedAt = now();
  return () => {
    left = Math.min(UNKNOWN_FETCHES, left + (now() - countedAt) / UNKNOWN_EVERY_MS);
    countedAt = now();
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

async function fetchKeys(url: string): Promise<Map<string, Key>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS), redirect: 'error' });
  if (!response.ok) throw new Error(`The key set answered with ${response.status}`);
  const { keys } = JSON.parse(await textOf(response)) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('The key set has no keys');
  return new Map(keys.flatMap(readKey).slice(0, MAX_KEYS));
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`The key set is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const TYPES = ['RSA', 'EC', 'OKP'];

/** A public key with an id, for signatures; nothing of what else a set may hold. */
function readKey(entry: unknown): [string, Key][] {
  const { kid, kty = '', alg, use } = (entry ?? {}) as JsonWebKey & { kid?: unknown; alg?: unknown; use?: unknown };
  if (typeof kid !== 'string' || !TYPES.includes(kty) || (use !== undefined && use !== 'sig')) return [];
  try {
    const pem = createPublicKey({ key: entry as JsonWebKey, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    return [[kid, { pem: String(pem), type: kty, alg: typeof alg === 'string' ? alg : undefined }]];
  } catch {
    // A key of a kind that Node does not know signs no token for us; the others of the set do.
    return [];
  }
}

const fits = ({ type, alg: only }: Key, alg: string): boolean =>
  (only === undefined || only === alg) && type === (alg.startsWith('ES') ? 'EC' : alg === 'EdDSA' ? 'OKP' : 'RSA');

function explain(cause: unknown): never {
  throw new ChatError('UNAVAILABLE', { retryAfter: 5, reason: 'The key set of tokens is not available', cause });
}
