import type { Message, SyncResult } from '@confab/contracts';
import type { ChatSocket } from '../socket.ts';
import { CONVERSATION, conversation, message, synced } from './records.ts';

type Listener = (...args: never[]) => void;

/**
 * One conversation of `ana` and `ben` in memory, as a server shows it to `ana`: a socket that the test connects and cuts, and the REST
 * routes that the client calls. For the logic of the client only.
 */
export class FakeServer {
  readonly messages: Message[] = [];
  readonly socket: FakeSocket;
  /** What happens while a sync is answered: before the reply is made, or after. Each once. */
  beforeSync: (() => void)[] = [];
  afterSync: (() => void)[] = [];
  syncs = 0;
  /** Further conversations of one message each, that nobody writes in; a call that names more than 1,000 is refused, as by the server. */
  otherConversations: string[] = [];
  /** How many conversations each sync named. */
  readonly named: number[] = [];
  /** What becomes of sends: `lost` is stored, but nobody hears of it. */
  sending: 'answered' | 'lost' = 'answered';

  constructor() {
    this.socket = new FakeSocket((event, payload) => this.#onEmit(event, payload));
  }

  /** Stores a message; `tell` says whether this client's socket gets it. */
  store(senderId: string, fields: Partial<Message> = {}, tell = true): Message {
    const stored = message(this.messages.length + 1, senderId, fields);
    this.messages.push(stored);
    if (tell && this.socket.connected) this.socket.receive('new:message', { message: stored });
    return stored;
  }

  fetch: typeof fetch = async (input, init) => {
    const path = String(input);
    if (path.endsWith('/api/chat/conversations')) return reply({ data: [this.#conversation(), ...this.#others()] });
    if (path.endsWith('/api/chat/sync')) return this.#answerSync(String(init?.body));
    if (path.includes('/messages?')) return reply({ data: this.#history(new URL(path, 'http://fake').searchParams) });
    return reply({ error: { code: 'NOT_FOUND', message: path } }, 404);
  };

  #conversation() {
    const unreadCount = this.messages.filter((stored) => stored.senderId._id !== 'ana').length;
    return conversation(this.messages.length, { unreadCount });
  }

  #others() {
    return this.otherConversations.map((_id) => conversation(1, { _id }));
  }

  #answerSync(body: string): Response {
    const { cursors } = JSON.parse(body) as { cursors: Record<string, string> };
    const ids = Object.keys(cursors);
    this.named.push(ids.length);
    if (ids.length > 1_000) return reply({ error: { code: 'VALIDATION_FAILED', message: 'too many cursors' } }, 400);
    const others = ids
      .filter((id) => id !== CONVERSATION)
      .map((conversationId) => ({ ...synced('1.0.0'), conversationId }));
    const isAsked = CONVERSATION in cursors || this.otherConversations.length === 0;
    const { conversations } = isAsked ? this.#sync(body) : { conversations: [] };
    return reply({ data: { conversations: [...conversations, ...others], left: [], more: false } });
  }

  #sync(body: string): SyncResult {
    this.syncs += 1;
    this.beforeSync.shift()?.();
    const { cursors } = JSON.parse(body) as { cursors: Record<string, string> };
    const from = Number(cursors[CONVERSATION]?.split('.')[0] ?? Math.max(0, this.messages.length - 50));
    const messages = this.messages.slice(from);
    const item = synced(`${this.messages.length}.0.0`, { messages, conversation: this.#conversation() });
    this.afterSync.shift()?.();
    return { conversations: [item], left: [], more: false };
  }

  #history(query: URLSearchParams): Message[] {
    const older = this.messages.filter((stored) => stored.seq < Number(query.get('before')));
    return older.slice(-Number(query.get('limit')));
  }

  async #onEmit(event: string, payload: { clientMessageId?: string; text?: string }): Promise<unknown> {
    // An answer never comes in the same moment.
    await Promise.resolve();
    if (event !== 'send:message') return { success: true, data: {} };
    const { clientMessageId = '', text = null } = payload;
    const known = this.messages.find((stored) => stored.clientMessageId === clientMessageId);
    const stored = known ?? this.store('ana', { clientMessageId, text }, this.sending === 'answered');
    if (this.sending === 'lost') throw new Error('operation has timed out');
    return { success: true, data: { message: stored } };
  }
}

const reply = (body: object, status = 200) => new Response(JSON.stringify(body), { status });

/** The socket of a FakeServer: the test decides when it is connected. */
export class FakeSocket implements ChatSocket {
  connected = false;
  auth = {};
  emitted: string[] = [];
  /** Whether anybody answers when it connects; if not, it is on its way for as long as the test likes. */
  reachable = true;
  connects = 0;
  readonly #listeners = new Map<string, Listener[]>();
  readonly #any: ((...args: unknown[]) => void)[] = [];
  readonly #onEmit: (event: string, payload: never) => Promise<unknown>;

  constructor(onEmit: (event: string, payload: never) => Promise<unknown>) {
    this.#onEmit = onEmit;
  }

  connect(): void {
    this.connects += 1;
    if (!this.reachable) return;
    this.connected = true;
    queueMicrotask(() => this.#call('connect'));
  }

  disconnect(): void {
    if (!this.connected) return;
    this.connected = false;
    this.#call('disconnect', 'transport close');
  }

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }

  onAny(listener: (...args: unknown[]) => void): void {
    this.#any.push(listener);
  }

  emit(event: string, payload: unknown): void {
    this.emitted.push(event);
    void this.#onEmit(event, payload as never);
  }

  timeout() {
    return {
      emitWithAck: (event: string, payload: unknown) => {
        this.emitted.push(event);
        return this.#onEmit(event, payload as never);
      },
    };
  }

  /** The server's event. */
  receive(event: string, payload: unknown): void {
    for (const listener of this.#any) listener(event, payload);
    this.#call(event, payload);
  }

  #call(event: string, payload?: unknown): void {
    for (const listener of this.#listeners.get(event) ?? []) listener(payload as never);
  }
}
