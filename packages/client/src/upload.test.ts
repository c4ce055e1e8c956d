import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ConfabError } from './error.ts';
import type { Http } from './http.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';
import { CONVERSATION } from './testing/records.ts';
import { uploadMedia } from './upload.ts';

const MEGABYTE = 1_000_000;

afterEach(() => {
  vi.unstubAllGlobals();
});

/** An upload of so many bytes to a store that answers after `takes` milliseconds; there is no XMLHttpRequest here, as in Node. */
function upload(size: number, takes: number) {
  const environment = new ManualEnvironment();
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      environment.after(takes, () => resolve(new Response('', { status: 200 })));
    });
  });
  const ticket = { mediaId: 'm', uploadUrl: 'http://store/m', method: 'PUT' };
  const http: Http = { call: async <T>() => ({ data: ticket }) as T };
  const file = { blob: new Blob(['x']), name: 'a.png', type: 'image/png', size };
  const result = uploadMedia({ http, environment }, CONVERSATION, file).then(
    () => 'sent',
    (error: ConfabError) => error.code,
  );
  return { environment, result };
}

describe('an upload without XMLHttpRequest, which tells no progress', () => {
  it('may take as long as its size takes on a slow line', async () => {
    const { environment, result } = upload(10 * MEGABYTE, 390_000);
    await environment.advance(390_000);
    expect(await result).toBe('sent');
  });

  it('is given up when even a slow line would be done', async () => {
    const { environment, result } = upload(10 * MEGABYTE, 3_600_000);
    await environment.advance(430_000);
    expect(await result).toBe('UPLOAD_FAILED');
  });

  it('is given up as soon as nothing can move for a small file', async () => {
    const { environment, result } = upload(1, 3_600_000);
    await environment.advance(30_001);
    expect(await result).toBe('UPLOAD_FAILED');
  });
});
