import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { freePort } from '../free-port.ts';

/** What a proxy does to the bytes of a connection. */
type Mode = 'pass' | 'stall' | 'blackhole';

export interface LostReplyRule {
  /** A reply is lost when this matches what the client has just sent, read as Latin-1. */
  request: RegExp;
  /** Replies to lose, each with its connection. */
  times: number;
  /**
   * `swallow`: the reply never comes, nor any later one on this connection, which stays open: TCP loses nothing out of the middle, so a client
   * must not be led to take the next reply for this one. `cut`: the connection is reset instead of the reply.
   */
  how: 'swallow' | 'cut';
}

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Replies that were lost so far, over all rules. */
  readonly lostReplies: number;
  /** The address with the host and port of the proxy in it. */
  through(url: string): string;
  /** Loses replies to requests that match, on any connection. @returns a promise of the time at which all of them were lost */
  loseReplies(rule: LostReplyRule): LostReplies;
  /** Keeps back the replies of all connections until `heal`; requests go through. */
  stall(): void;
  /** From now on existing connections carry nothing in either direction, and nobody is told. New ones work. @returns how many */
  blackhole(): number;
  /** As `blackhole`, for new connections too. */
  blackholeAll(): void;
  /** Resets all connections. @returns how many */
  reset(): number;
  /** Ends stalls and blackholes for new connections; what was kept back of stalled ones is delivered. */
  heal(): void;
  /** Sees every request chunk. @returns a function that ends it */
  onRequest(listener: (chunk: Buffer, connection: object) => void): () => void;
  close(): Promise<void>;
}

export interface LostReplies {
  /** Resolves once all replies of the rule were lost. */
  done: Promise<void>;
  /** Takes the rule away. @returns how many replies it lost */
  end(): number;
}

interface ActiveRule extends LostReplyRule {
  lost: number;
  finished: () => void;
}

interface Link {
  client: Socket;
  server: Socket;
  mode: Mode;
  /** The rule that loses the next reply of this connection. */
  losing: ActiveRule | undefined;
  /** A reply was swallowed: no more come. */
  mute: boolean;
  kept: Buffer[];
}

/**
 * A TCP proxy that fails on demand, as networks do: lost replies, stalls, half-open connections, resets.
 * @param target host and port, or a URL that has them
 */
export async function startTcpProxy(target: string | { host: string; port: number }): Promise<TcpProxy> {
  const address = typeof target === 'string' ? addressOf(target) : target;
  const links = new Set<Link>();
  const rules: ActiveRule[] = [];
  const listeners = new Set<(chunk: Buffer, connection: object) => void>();
  let mode: Mode = 'pass';
  let lostReplies = 0;

  const onRequest = (link: Link, chunk: Buffer) => {
    if (link.mode === 'blackhole') return;
    for (const listener of listeners) listener(chunk, link);
    link.losing ??= rules.find((rule) => rule.request.test(chunk.toString('latin1')));
    forward(link.client, link.server, chunk);
  };

  const onReply = (link: Link, chunk: Buffer) => {
    if (link.mode === 'blackhole' || link.mute) return;
    if (link.losing) return lose(link, link.losing);
    if (link.mode === 'stall') link.kept.push(chunk);
    else forward(link.server, link.client, chunk);
  };

  const lose = (link: Link, rule: ActiveRule) => {
    link.losing = undefined;
    link.mute = rule.how === 'swallow';
    // Another connection may have used the rule up meanwhile: the reply is lost all the same, which only makes it one more.
    rule.lost++;
    lostReplies++;
    if (rule.lost >= rule.times) {
      const at = rules.indexOf(rule);
      if (at >= 0) rules.splice(at, 1);
      rule.finished();
    }
    if (rule.how === 'cut') resetLink(link);
  };

  const server = createServer((client) => {
    const upstream = dial(address);
    const link: Link = { client, server: upstream, mode, losing: undefined, mute: false, kept: [] };
    links.add(link);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.on('data', (chunk: Buffer) => onRequest(link, chunk));
    upstream.on('data', (chunk: Buffer) => onReply(link, chunk));
    joinEnds(link, () => links.delete(link));
  });
  const port = await listen(server);

  const blackhole = () => {
    for (const link of links) link.mode = 'blackhole';
    return links.size;
  };
  const close = async () => {
    for (const link of links) resetLink(link);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return {
    port,
    get connections() {
      return links.size;
    },
    get lostReplies() {
      return lostReplies;
    },
    through: (url) => throughProxy(url, port),
    loseReplies(rule) {
      let finished = () => {};
      const done = new Promise<void>((resolve) => {
        finished = resolve;
      });
      const active: ActiveRule = { ...rule, lost: 0, finished };
      rules.push(active);
      return {
        done,
        end() {
          const at = rules.indexOf(active);
          if (at >= 0) rules.splice(at, 1);
          return active.lost;
        },
      };
    },
    stall() {
      mode = 'stall';
      for (const link of links) if (link.mode === 'pass') link.mode = 'stall';
    },
    blackhole,
    blackholeAll() {
      mode = 'blackhole';
      blackhole();
    },
    reset() {
      const count = links.size;
      for (const link of links) resetLink(link);
      return count;
    },
    heal() {
      mode = 'pass';
      for (const link of links) releaseKept(link);
    },
    onRequest(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Writes on, and stops reading while the other side does not take it: a proxy must not hide a slow reader. */
function forward(from: Socket, to: Socket, chunk: Buffer): void {
  if (to.destroyed || to.write(chunk)) return;
  from.pause();
  to.once('drain', () => from.resume());
}

/** The end of one side ends the other, except where the connection is a black hole: then nobody is told. */
function joinEnds(link: Link, gone: () => void): void {
  for (const [one, other] of [
    [link.client, link.server],
    [link.server, link.client],
  ] as const) {
    // Errors of a connection are what this proxy is for; `close` follows each.
    one.on('error', () => {});
    one.once('close', () => {
      if (link.mode !== 'blackhole') other.destroy();
      if (link.client.destroyed && link.server.destroyed) gone();
    });
  }
}

function resetLink({ client, server }: Link): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}

function releaseKept(link: Link): void {
  if (link.mode !== 'stall') return;
  link.mode = 'pass';
  for (const chunk of link.kept.splice(0)) forward(link.server, link.client, chunk);
}

async function listen(server: Server): Promise<number> {
  const port = await freePort();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(port));
  });
}

const DEFAULT_PORTS: Record<string, number> = { 'redis:': 6379, 'mongodb:': 27017, 'http:': 80 };

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname, port: Number(port || DEFAULT_PORTS[protocol]) };
}

function throughProxy(url: string, port: number): string {
  const { username, password, protocol, pathname, search } = new URL(url);
  const credentials = username ? `${username}${password ? `:${password}` : ''}@` : '';
  return `${protocol}//${credentials}127.0.0.1:${port}${pathname}${search}`;
}
