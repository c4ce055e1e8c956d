import type { ClientEnvironment } from './environment.ts';
import { ConfabError, toConfabError } from './error.ts';
import type { TokenSource } from './token-source.ts';

/** Milliseconds that a REST call may take. Source: the server answers or refuses within 5 s (its own deadlines), doubled. */
const DEADLINE = 10_000;

export interface Http {
  /**
   * @returns the whole reply body (`{success: true, data, ...}`)
   * @throws ConfabError with the server's code; NO_ANSWER if it is unknown whether the call was carried out
   */
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
}

/** REST with the current token; a refused token is replaced once. */
export function createHttp(baseUrl: string, tokens: TokenSource, environment: ClientEnvironment): Http {
  const attempt = async (method: string, path: string, body: unknown): Promise<unknown> => {
    const token = await tokens.get();
    const response = await request(baseUrl + path, method, token, body, environment);
    if (response.ok) return response.body;
    const error = toConfabError(response.body, `The server answered ${response.status}`);
    if (error.tokenRefused) tokens.refuse(token);
    throw error.code === 'NO_ANSWER' ? byStatus(response.status, error.message) : error;
  };
  return {
    call: async <T>(method: string, path: string, body?: unknown) => {
      try {
        return (await attempt(method, path, body)) as T;
      } catch (error) {
        if (error instanceof ConfabError && error.tokenRefused) return (await attempt(method, path, body)) as T;
        throw error;
      }
    },
  };
}

async function request(url: string, method: string, token: string, body: unknown, environment: ClientEnvironment) {
  const abort = new AbortController();
  const stop = environment.after(DEADLINE, () => abort.abort());
  try {
    const response = await environment.fetch(url, {
      method,
      signal: abort.signal,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { ok: response.ok, status: response.status, body: parse(text) };
  } catch {
    throw new ConfabError('NO_ANSWER', 'The server could not be reached');
  } finally {
    stop();
  }
}

// A proxy in between answers with HTML: that is no reply of ours, and its status says what to do.
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function byStatus(status: number, message: string): ConfabError {
  if (status === 404) return new ConfabError('NOT_FOUND', message);
  if (status === 401) return new ConfabError('UNAUTHENTICATED', message);
  if (status === 429) return new ConfabError('RATE_LIMITED', message);
  if (status === 413) return new ConfabError('PAYLOAD_TOO_LARGE', message);
  if (status >= 500) return new ConfabError('UNAVAILABLE', message);
  return new ConfabError('VALIDATION_FAILED', message);
}
