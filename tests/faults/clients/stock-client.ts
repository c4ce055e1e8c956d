import { setTimeout as sleep } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { type Caller, call } from '../rest.ts';
import type { Status, StatusWatch } from '../status-watch.ts';
import type { Device } from './device.ts';

export interface StockClientOptions {
  userId: string;
  caller: Caller;
  /** The conversations that it shows. */
  conversations: readonly string[];
  statuses?: StatusWatch;
  /** Reconnects by itself, as socket.io-client does. Default true. */
  reconnect?: boolean;
  socketUrl?: string;
}

interface WireMessage {
  _id: string;
  seq: number;
  status: Status;
}

const PAGE = 200;

/**
 * A client as the guide describes it: socket.io-client as it comes, which reconnects by itself; after each connection, and when the
 * server says that events may be missing, it fetches history over REST.
 */
export class StockClient implements Device {
  readonly kind = 'stock';
  readonly userId: string;
  readonly socket: Socket;
  readonly known = new Set<string>();
  readonly seenAt = new Map<string, number>();
  readonly ends: string[] = [];
  repeats = 0;
  doubled = 0;
  /** Connections so far: a client whose gateway died may not have noticed yet, and still says that it is connected. */
  connections = 0;
  readonly #options: StockClientOptions;
  readonly #seqs = new Map<string, Set<number>>();
  #catchingUp: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(options: StockClientOptions) {
    this.#options = options;
    this.userId = options.userId;
    this.socket = io(options.socketUrl ?? options.caller.base, {
      auth: { token: options.caller.token },
      transports: ['websocket'],
      forceNew: true,
      reconnection: options.reconnect ?? true,
    });
    this.socket.on('connect', () => {
      this.connections++;
      this.#catchUp();
    });
    this.socket.on('sync:required', () => this.#catchUp());
    this.socket.on('new:message', ({ message }: { message: WireMessage & { conversationId: string } }) => {
      if (this.known.has(message._id)) this.repeats++;
      this.#learn(message.conversationId, message);
    });
    this.socket.on('session:end', ({ code }: { code: string }) => this.ends.push(code));
    const { statuses } = options;
    this.socket.on('message:delivered', (event) => statuses?.told(event.messageId, 'delivered'));
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  opened(): Promise<void> {
    return new Promise((resolve) => {
      if (this.socket.connected) resolve();
      else this.socket.once('connect', () => resolve());
    });
  }

  close(): void {
    this.#closed = true;
    this.socket.close();
  }

  /** One run at a time; what is asked for during a run makes another one follow. */
  #catchUp(): void {
    if (this.#catchingUp) {
      this.#again = true;
      return;
    }
    this.#catchingUp = this.#fetchAll().finally(() => {
      this.#catchingUp = undefined;
      if (this.#again && !this.#closed) this.#catchUp();
    });
    this.#again = false;
  }

  async #fetchAll(): Promise<void> {
    for (const conversationId of this.#options.conversations) await this.#fetch(conversationId);
  }

  async #fetch(conversationId: string): Promise<void> {
    for (let after = this.#denseUpTo(conversationId); !this.#closed; ) {
      const askedAt = performance.now();
      const path = `/api/chat/conversation/${conversationId}/messages?after=${after}&limit=${PAGE}`;
      const reply = await call(this.#options.caller, 'GET', path);
      if (reply.code !== '') {
        await sleep(300);
        continue;
      }
      const page: WireMessage[] = reply.body.data;
      for (const message of page) {
        this.#learn(conversationId, message);
        this.#options.statuses?.shown(message._id, message.status, askedAt);
      }
      if (page.length < PAGE) return;
      after = page.at(-1)?.seq ?? after;
    }
  }

  #learn(conversationId: string, { _id, seq }: WireMessage): void {
    if (this.known.has(_id)) return;
    this.known.add(_id);
    this.seenAt.set(_id, performance.now());
    const seqs = this.#seqs.get(conversationId) ?? new Set();
    seqs.add(seq);
    this.#seqs.set(conversationId, seqs);
  }

  /** Up to which seq it has everything: what it fetches begins there. */
  #denseUpTo(conversationId: string): number {
    const seqs = this.#seqs.get(conversationId);
    let dense = 0;
    while (seqs?.has(dense + 1)) dense++;
    return dense;
  }
}
