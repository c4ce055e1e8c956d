/*
 * How much memory an upload to the local disk takes: `node --conditions=confab-source packages/media/proof/large-upload.ts [MiB]`
 * (default 1024). It starts standalone with the embedded store, uploads one file of that size over HTTP, downloads it again, and prints by how much the
 * upload made the server's resident memory grow (VmHWM, the highest that the kernel saw). Bar: 64 MiB. Linux only, for /proc.
 */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { request } from 'node:http';
import { mintToken, startService, tempDir } from '@confab/testkit';

const SECRET = 'the-secret-of-the-large-upload-0123456789';
const MIB = 1024 ** 2;
/** Growth in MiB that fails the proof: 64 MiB for 1 GiB. Source: product requirement. */
export const BAR_MIB = 64;

export interface LargeUpload {
  sizeMiB: number;
  uploadSeconds: number;
  downloadSeconds: number;
  /** Resident memory in MiB: before, and the highest during upload and download. */
  beforeMiB: number;
  uploadPeakMiB: number;
  downloadPeakMiB: number;
  /** By the upload. */
  growthMiB: number;
}

/** @throws Error if the server refuses, or the bytes that come back are fewer */
export async function measureLargeUpload(sizeMiB: number): Promise<LargeUpload> {
  const folder = await tempDir('large-upload');
  const server = await startService({
    name: 'standalone',
    env: {
      PORT: '0',
      DATA_DIR: folder.path,
      JWT_SECRET: SECRET,
      LOG_LEVEL: 'info',
      DEMO: 'false',
      MEDIA_MAX_FILE_BYTES: String(4_096 * MIB),
      MEDIA_DAILY_BYTES: String(16_384 * MIB),
    },
  });
  try {
    return await measure(server.url, server.pid, sizeMiB);
  } finally {
    await server.stop();
    await rm(folder.path, { recursive: true, force: true });
  }
}

async function measure(url: string, pid: number, sizeMiB: number): Promise<LargeUpload> {
  const authorization = `Bearer ${mintToken(SECRET, { sub: 'alice' })}`;
  const call = async (method: string, path: string, body?: object) => {
    const headers = { authorization, ...(body && { 'content-type': 'application/json' }) };
    const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    const { data } = (await response.json()) as { data: Answer };
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}`);
    return data;
  };
  const size = sizeMiB * MIB;
  const { _id: conversationId } = await call('GET', '/api/chat/conversation/bob');
  // a small one first: code and buffers that every upload needs are not growth by size
  await transfer(call, conversationId, MIB);
  const beforeMiB = resetPeak(pid);
  const uploadStarted = performance.now();
  const download = await transfer(call, conversationId, size);
  const uploadSeconds = (performance.now() - uploadStarted) / 1_000;
  const uploadPeakMiB = residentMiB(pid, 'VmHWM');
  const downloadStarted = performance.now();
  await readAll(download, size);
  const downloadPeakMiB = residentMiB(pid, 'VmHWM');
  return {
    sizeMiB,
    uploadSeconds,
    downloadSeconds: (performance.now() - downloadStarted) / 1_000,
    beforeMiB,
    uploadPeakMiB,
    downloadPeakMiB,
    growthMiB: uploadPeakMiB - beforeMiB,
  };
}

/** Of the fields of several replies, those that are needed here. */
interface Answer {
  _id: string;
  mediaId: string;
  uploadUrl: string;
  media: { url: string }[];
}
type Call = (method: string, path: string, body?: object) => Promise<Answer>;

/** Uploads a ZIP of that size and sends it. @returns its link */
async function transfer(call: Call, conversationId: string, size: number): Promise<string> {
  const file = { filename: 'large.zip', contentType: 'application/zip', size, conversationId };
  const { mediaId, uploadUrl } = await call('POST', '/api/chat/media/uploads', file);
  const upload = request(uploadUrl, {
    method: 'PUT',
    headers: { 'content-type': 'application/zip', 'content-length': size },
  });
  const answered = once(upload, 'response');
  const chunk = Buffer.alloc(MIB, 7);
  const first = Buffer.from(chunk);
  first.set([0x50, 0x4b, 0x03, 0x04, 20, 0, 0, 0, 0, 0]);
  for (let sent = 0; sent < size; sent += MIB) {
    if (!upload.write(sent === 0 ? first : chunk)) await once(upload, 'drain');
  }
  upload.end();
  const [response] = await answered;
  response.resume();
  if (response.statusCode !== 201) throw new Error(`the upload was answered with ${response.statusCode}`);
  const message = await call('POST', '/api/chat/message', { conversationId, media: [{ mediaId, type: 'file' }] });
  return message.media[0]?.url ?? '';
}

async function readAll(url: string, size: number): Promise<void> {
  const response = await fetch(url);
  let read = 0;
  for await (const part of response.body ?? []) read += part.length;
  if (read !== size) throw new Error(`${read} bytes came back of ${size}`);
}

function residentMiB(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${line}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1_024;
}

/** Makes the kernel forget the highest so far (proc(5), clear_refs). @returns what is resident now */
function resetPeak(pid: number): number {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return residentMiB(pid, 'VmRSS');
}

if (import.meta.main) {
  const result = await measureLargeUpload(Number(process.argv[2] ?? 1_024));
  const round = Object.fromEntries(Object.entries(result).map(([name, value]) => [name, Math.round(value * 10) / 10]));
  process.stdout.write(`${JSON.stringify(round)}\n`);
  process.exitCode = result.growthMiB < BAR_MIB ? 0 : 1;
}
