import { errorCatalogue } from '@confab/contracts';

export interface Reply {
  status: number;
  /** The error's code; `NETWORK` or `TIMEOUT` where no answer came; `UNTYPED` where one came without a code of the catalogue. */
  code: string;
  retryAfter: number;
  // biome-ignore lint/suspicious/noExplicitAny: replies are looked at from outside, as a client without our types does
  body: any;
  /** Milliseconds until the answer, or until it was given up. */
  tookMs: number;
}

export interface Caller {
  token: string;
  base: string;
}

/** Milliseconds that a client waits for an answer. Source: the server settles every call within 5 s, doubled. */
const DEADLINE_MS = 10_000;

/** One REST call. It never throws: what happened to it is what is measured. */
export async function call(caller: Caller, method: string, path: string, body?: unknown): Promise<Reply> {
  const startedAt = performance.now();
  const took = () => performance.now() - startedAt;
  try {
    const response = await fetch(`${caller.base}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${caller.token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const parsed = (await response.json().catch(() => null)) as Reply['body'];
    const ok = response.ok && parsed?.success === true;
    const code = ok ? '' : codeOf(parsed);
    return { status: response.status, code, retryAfter: parsed?.retryAfter ?? 0, body: parsed, tookMs: took() };
  } catch (error) {
    const code = (error as Error).name === 'TimeoutError' ? 'TIMEOUT' : 'NETWORK';
    return { status: 0, code, retryAfter: 0, body: null, tookMs: took() };
  }
}

export function codeOf(reply: { error?: { code?: string } } | null | undefined): string {
  const code = reply?.error?.code;
  return code !== undefined && Object.hasOwn(errorCatalogue, code) ? code : 'UNTYPED';
}

/** As `call`, again until it is answered with success. @throws Error with the last refusal after `deadlineMs` */
export async function insist(caller: Caller, method: string, path: string, body?: unknown, deadlineMs = 30_000) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const reply = await call(caller, method, path, body);
    if (reply.code === '') return reply.body;
    if (Date.now() >= end) throw new Error(`${method} ${path}: ${reply.status} ${reply.code} for ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
