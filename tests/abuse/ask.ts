import { Agent, request } from 'node:http';

export interface Ask {
  method?: string;
  url: string;
  headers?: Record<string, string>;
  /** As it is, byte for byte. */
  body?: string | Buffer;
  /** The address that it comes from: on Linux every 127.x.y.z is ours. */
  from?: string;
}

export interface Answer {
  /** 0 if the connection ended without an answer. */
  status: number;
  text: string;
  headers: Record<string, string | string[] | undefined>;
  ms: number;
}

const DEADLINE_MS = 15_000;
/** What a connection that the server closed meanwhile fails with. */
const CLOSED = new Set(['ECONNRESET', 'EPIPE']);
const agents = new Map<string, Agent>();

function agentFor(from: string): Agent {
  const agent = agents.get(from) ?? new Agent({ keepAlive: true, maxSockets: 64, localAddress: from });
  agents.set(from, agent);
  return agent;
}

/** One HTTP request as an attacker makes it: any bytes, any address of this machine. It never throws. */
export function ask(again: Ask): Promise<Answer> {
  const { method = 'GET', url, headers = {}, body, from = '127.0.0.1' } = again;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const end = (status: number, text: string, received: Answer['headers'] = {}) =>
      resolve({ status, text, headers: received, ms: performance.now() - startedAt });
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const call = request(url, {
      method,
      headers: { ...length, ...headers },
      agent: agentFor(from),
      timeout: DEADLINE_MS,
    });
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    call.on('error', (error: NodeJS.ErrnoException) => {
      // A kept connection that the server closed just then: every client asks again on a new one.
      if (call.reusedSocket && CLOSED.has(error.code ?? '')) return resolve(ask(again));
      end(0, error.message);
    });
    call.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => end(0, error.message));
      response.on('end', () => end(response.statusCode ?? 0, Buffer.concat(chunks).toString(), response.headers));
    });
    call.end(body);
  });
}

export function closeAgents(): void {
  for (const agent of agents.values()) agent.destroy();
  agents.clear();
}

/** The error's code in an answer of ours; the status where there is none. */
export function codeOf({ status, text }: Answer): string {
  try {
    return (JSON.parse(text) as { error?: { code?: string } }).error?.code ?? String(status);
  } catch {
    return `${status} without JSON`;
  }
}
