import type { CompletedUpload, MediaConfig, UploadTicket } from '@confab/contracts';
import type { ClientEnvironment } from './environment.ts';
import { ConfabError, toConfabError } from './error.ts';
import type { Http } from './http.ts';

/** A file of a browser or Node (`File`, `Blob` with a name) or of React Native (`{uri, name, type, size}`). */
export type UploadFile =
  | { blob: Blob; name: string; type: string; size: number }
  | { uri: string; name: string; type: string; size: number };

export interface UploadOptions {
  /** 0 to 1. Told in browsers and React Native while it goes on; elsewhere at the end only. */
  onProgress?: (fraction: number) => void;
  signal?: AbortSignal;
}

/** What the server takes, or null if it has no uploads. @throws ConfabError if it did not answer */
export async function fetchMediaConfig(http: Http): Promise<MediaConfig | null> {
  try {
    return (await http.call<{ data: MediaConfig }>('GET', '/api/chat/media/config')).data;
  } catch (error) {
    if (error instanceof ConfabError && error.code === 'NOT_FOUND') return null;
    throw error;
  }
}

/**
 * Asks the server for a place, sends the file there, and has it checked.
 * @returns the upload as the server found it: a message names it by `mediaId` and `type`
 * @throws ConfabError: the server's refusal (size, type, content); UPLOAD_FAILED; ABORTED
 */
export async function uploadMedia(
  { http, environment }: { http: Http; environment: ClientEnvironment },
  conversationId: string,
  file: UploadFile,
  options: UploadOptions = {},
): Promise<CompletedUpload> {
  const { name: filename, type, size } = file;
  const body = { filename, contentType: type || 'application/octet-stream', size, conversationId };
  const { data: ticket } = await http.call<{ data: UploadTicket }>('POST', '/api/chat/media/uploads', body);
  if (options.signal?.aborted) throw aborted();
  const byFetch = typeof XMLHttpRequest === 'undefined';
  const patience = byFetch ? STALLED + (size / SLOWEST) * 1000 : STALLED;
  await watched(environment, options, patience, (watch) => (byFetch ? sendByFetch : sendByXhr)(ticket, file, watch));
  options.onProgress?.(1);
  return (await http.call<{ data: CompletedUpload }>('POST', `/api/chat/media/uploads/${ticket.mediaId}/complete`))
    .data;
}

/** Milliseconds without progress after which an upload is given up. Source: no mobile hand-over takes longer. */
const STALLED = 30_000;
/**
 * Bytes per second of the slowest line that an upload is waited for on where fetch, which tells no progress, sends it. Source: half of the
 * 50 kB/s of "Slow 3G" in Chrome's developer tools.
 */
const SLOWEST = 25_000;

interface Watch {
  signal: AbortSignal;
  onProgress: (fraction: number) => void;
}

/**
 * Ends an upload that the caller calls off, that stands still, or whose network is gone: none of them would end by itself.
 * @param patience milliseconds without progress
 */
async function watched(
  environment: ClientEnvironment,
  { signal, onProgress }: UploadOptions,
  patience: number,
  send: (watch: Watch) => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const lost = () => end.abort(failed('The network was lost'));
  const calledOff = () => end.abort(aborted());
  let callOff = environment.after(patience, lost);
  const unwatch = environment.watchNetwork((online) => online || lost());
  signal?.addEventListener('abort', calledOff);
  try {
    await send({
      signal: end.signal,
      onProgress: (fraction) => {
        callOff();
        callOff = environment.after(patience, lost);
        onProgress?.(fraction);
      },
    });
  } catch (error) {
    throw end.signal.aborted ? end.signal.reason : error;
  } finally {
    callOff();
    unwatch();
    signal?.removeEventListener('abort', calledOff);
  }
}

const aborted = () => new ConfabError('ABORTED', 'The upload was called off');
const failed = (why: string) => new ConfabError('UPLOAD_FAILED', why);

function contentOf(file: UploadFile): Blob {
  // React Native's XMLHttpRequest and FormData take `{uri, name, type}` where browsers take a Blob.
  return 'blob' in file ? file.blob : (file as unknown as Blob);
}

function bodyOf(ticket: UploadTicket, file: UploadFile): Blob | FormData {
  if (!ticket.fields) return contentOf(file);
  const form = new FormData();
  for (const [name, value] of Object.entries(ticket.fields)) form.append(name, value);
  if ('blob' in file) form.append('file', file.blob, file.name);
  else form.append('file', contentOf(file));
  return form;
}

function sendByXhr(ticket: UploadTicket, file: UploadFile, { onProgress, signal }: Watch): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(ticket.method, ticket.uploadUrl);
    for (const [name, value] of Object.entries(ticket.headers ?? {})) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusal(request.status, request.responseText));
    };
    request.onerror = () => reject(failed('The file could not be sent'));
    request.onabort = () => reject(aborted());
    signal.addEventListener('abort', () => request.abort());
    request.send(bodyOf(ticket, file));
  });
}

/** Tells no progress: only a streamed body could, and a store takes none whose length it is not told first. */
async function sendByFetch(ticket: UploadTicket, file: UploadFile, { signal }: Watch): Promise<void> {
  let response: Response;
  try {
    const { headers = {} } = ticket;
    response = await fetch(ticket.uploadUrl, {
      method: ticket.method,
      headers,
      body: bodyOf(ticket, file),
      signal,
    });
  } catch {
    throw failed('The file could not be sent');
  }
  if (!response.ok) throw refusal(response.status, await response.text());
}

/** Our own server says why; a foreign store answers in its own words, which are not for people. */
function refusal(status: number, text: string): ConfabError {
  try {
    const error = toConfabError(JSON.parse(text));
    if (error.code !== 'NO_ANSWER') return error;
  } catch {
    // Not JSON: a foreign store.
  }
  return failed(`The file was refused (${status})`);
}
