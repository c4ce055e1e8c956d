import type { RedisConnection } from './connection.ts';
import { parseInfo } from './server-check.ts';

/** What tells one life of a Redis from another. */
interface Server {
  /** Of the process: another one after each start. */
  run: string;
  /** Of the data: another one after a promotion, and also where a server gets its first replica or has none for an hour. */
  history: string;
  /** Where the data came from, if by a promotion. */
  former: string;
}

/** What stands for "this history follows no other". */
const NONE = /^0*$/;

/**
 * Tells whether the servers behind a connection are still those that took what was written. A Redis that was started again or replaced by its replica
 * may lack its last moments, and no key says so: what is gone looks as if it had never been. It asks (one INFO per server) only after a connection was
 * made anew, a cluster has another primary, or `doubt`.
 */
export class ServerWatch {
  readonly #connection: RedisConnection;
  #known: Server[] = [];
  /** The connections by which all servers were last looked at. */
  #looked: string | null = null;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** From now on they are compared with those that are there now. Never throws: one that is away is told by whoever writes to it. */
  async begin(): Promise<void> {
    this.#known = (await this.#look()).servers;
  }

  /** Ask the next time, though no connection was lost: a server that refuses to write may have been a replica meanwhile. */
  doubt(): void {
    this.#looked = null;
  }

  /**
   * @returns false if one of the servers is another one than before. While one of them does not answer it may be that one: true, and the next call
   * asks again. Servers that were added change nothing.
   */
  async unchanged(): Promise<boolean> {
    if (this.#looked === this.#connection.connections) return true;
    const { servers, complete } = await this.#look();
    const isThere = (known: Server) => servers.some((server) => isSame(known, server));
    if (!complete) return true;
    if (this.#known.every(isThere)) {
      this.#known = servers;
      return true;
    }
    // Until the servers are taken for the ones to compare with.
    this.doubt();
    return false;
  }

  async #look(): Promise<{ servers: Server[]; complete: boolean }> {
    // Before they are asked: what is lost from now on is a reason to ask again.
    const connections = this.#connection.connections;
    const answers = await Promise.allSettled(
      this.#connection.primaries.map((node) => this.#connection.run(() => node.info('server', 'replication'))),
    );
    const servers = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [serverOf(answer.value)] : []));
    const complete = servers.length === answers.length;
    this.#looked = complete ? connections : null;
    return { servers, complete };
  }
}

function serverOf(text: string): Server {
  const info = parseInfo(text);
  const field = (name: string) => info.get(name) ?? '';
  return { run: field('run_id'), history: field('master_replid'), former: field('master_replid2') };
}

/** A process whose history was named anew, and follows no other, was not promoted: it got its first replica, or has had none for long. */
const isSame = (before: Server, now: Server): boolean =>
  before.run === now.run && (before.history === now.history || NONE.test(now.former));
