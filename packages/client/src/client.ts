import type {
  ClientEventName,
  ClientPayload,
  CompletedUpload,
  Conversation,
  MediaConfig,
  Message,
  SyncResult,
} from '@confab/contracts';
import { ChatState, type Presence } from './chat-state.ts';
import { Connection, type ConnectionState } from './connection.ts';
import type { ConversationState } from './conversation.ts';
import { Emitter } from './emitter.ts';
import { type ClientEnvironment, defaultEnvironment } from './environment.ts';
import { ConfabError, toConfabError } from './error.ts';
import { createHttp, type Http } from './http.ts';
import { LiveEvents } from './live-events.ts';
import { messageTypeOf } from './media.ts';
import { Derived, type Observable, Topics } from './observable.ts';
import type { ChatClientOptions, ChatEvents, Draft } from './options.ts';
import { Outbox, type OutboxItem } from './outbox.ts';
import { ReadMarks } from './read-marks.ts';
import { type ChatSocket, createSocket } from './socket.ts';
import { SyncRunner } from './sync.ts';
import { subjectOf, TokenSource } from './token-source.ts';
import { TypingReceiver, TypingSender } from './typing.ts';
import { fetchMediaConfig, type UploadFile, type UploadOptions, uploadMedia } from './upload.ts';
import type { ChatConversation, ChatMessage, MessageList } from './views.ts';

/** Milliseconds that an ack may take. Source: the server settles every send within 5 s, doubled. */
const ACK_DEADLINE = 10_000;
/** Messages on one page of history. Source: three screens. */
const PAGE = 50;
/** Messages on one page when many are read to jump to an old one. Source: the server's largest page. */
const JUMP_PAGE = 200;
/** Messages that a freshly opened conversation shows. Source: fills a tall screen. */
const FIRST_SCREEN = 30;
/** Messages and changes in one sync reply. Source: the server's largest. */
const SYNC_LIMIT = 500;

/** A chat user's session: connect it, look at its observables, and call its methods. See the README for a tour. */
export class ChatClient extends Emitter<ChatEvents> {
  /** Of this session: `connecting`, `syncing`, `live` or `offline`, with reasons. */
  readonly connection: Observable<ConnectionState>;
  /** Unix time in milliseconds until which the server takes no messages of this user; in the past most of the time. */
  readonly limitedUntil: Observable<number>;
  readonly #environment: ClientEnvironment;
  readonly #options: ChatClientOptions;
  readonly #socket: ChatSocket;
  readonly #http: Http;
  readonly #connection: Connection;
  readonly #state: ChatState;
  readonly #outbox: Outbox;
  readonly #sync: SyncRunner;
  readonly #reads: ReadMarks;
  readonly #typingSender: TypingSender;
  readonly #typingReceiver: TypingReceiver;
  readonly #typing: Topics<readonly string[]>;
  readonly #live: LiveEvents;
  readonly #opened = new Map<string, number>();
  readonly #loads = new Map<string, Promise<void>>();
  readonly #connectionTopic: Derived<ConnectionState>;
  readonly #limitTopic: Derived<number>;
  #me: string | undefined;
  #mediaConfig: Promise<MediaConfig | null> | undefined;

  constructor(options: ChatClientOptions) {
    super();
    this.#options = options;
    this.#me = options.userId;
    const environment = { ...defaultEnvironment(), ...options.environment };
    this.#environment = environment;
    const tokens = new TokenSource(options.token);
    const { url, socketUrl, path, transports } = options;
    this.#http = createHttp(url?.replace(/\/$/, '') ?? '', tokens, environment);
    this.#socket = options.socket ?? createSocket({ url: socketUrl ?? url, path, transports });
    this.#outbox = new Outbox(environment, this.#outboxEvents(), options.outbox);
    const pending = (id: string) => this.#outbox.of(id);
    this.#state = new ChatState(pending, (id) => this.#opened.has(id));
    this.#sync = new SyncRunner(environment, this.#syncSteps());
    this.#reads = new ReadMarks(environment, (conversationId, messageId) => this.#tellRead(conversationId, messageId));
    this.#typingSender = new TypingSender(environment, (event, conversationId) =>
      this.#tell(event, { conversationId }),
    );
    this.#typing = new Topics<readonly string[]>((id) => this.#typingReceiver.in(id));
    this.#typingReceiver = new TypingReceiver(environment, (conversationId) => {
      this.#typing.invalidate(conversationId);
      this.emit('typing', { conversationId, userIds: this.#typingReceiver.in(conversationId) });
    });
    this.#live = new LiveEvents(environment, {
      state: this.#state,
      outbox: this.#outbox,
      typing: this.#typingReceiver,
      sync: this.#sync,
      events: this,
      me: () => this.userId,
      behind: () => this.#connection.syncing(),
    });
    this.#connectionTopic = new Derived(() => this.#connection.state);
    this.#limitTopic = new Derived(() => this.#outbox.limitedUntil);
    this.connection = this.#connectionTopic;
    this.limitedUntil = this.#limitTopic;
    this.#connection = new Connection(this.#socket, tokens, environment, {
      changed: (state) => {
        this.#connectionTopic.invalidate();
        this.emit('connection', state);
      },
      opened: (token) => this.#onOpened(token),
      closed: () => this.#onClosed(),
    });
    this.#socket.onAny((event, payload) => this.#live.receive(event as string, payload as never));
    this.#state.unread.subscribe(() => this.emit('unread', this.#state.unread.get()));
  }

  /** The user's id; empty before the first connection if only the token says it. */
  get userId(): string {
    return this.#me ?? '';
  }

  /** All conversations, the most recently active first. */
  get conversations(): Observable<readonly ChatConversation[]> {
    return this.#state.list;
  }

  /** Unread messages in all conversations. */
  get unread(): Observable<number> {
    return this.#state.unread;
  }

  /** The messages of a conversation that are held. `open` it to have some. */
  messages(conversationId: string): Observable<MessageList> {
    return this.#state.messages.of(conversationId);
  }

  /** One message by id, for example the one that a reply names; `fetchMessage` gets it. Null: there is none for this user. */
  message(messageId: string): Observable<ChatMessage | null | undefined> {
    return this.#state.single.of(messageId);
  }

  /** The ids of the others who type. */
  typing(conversationId: string): Observable<readonly string[]> {
    return this.#typing.of(conversationId);
  }

  presence(userId: string): Observable<Presence> {
    return this.#state.presence.of(userId);
  }

  /** Connects, and stays connected until `close`. After a `needs: 'connect'` it tries once more. Call it when a mobile app wakes up. */
  connect(): void {
    void this.#outbox.restore();
    this.#connection.open();
  }

  /** Disconnects. What was not sent yet stays in the outbox, and goes out after the next `connect`. */
  close(): void {
    this.#connection.close();
    this.#onClosed();
  }

  /** Shows a conversation: loads its newest messages, and keeps all that are loaded until it ends. @returns a function that ends it */
  open(conversationId: string): () => void {
    this.#opened.set(conversationId, (this.#opened.get(conversationId) ?? 0) + 1);
    this.#tell('join:conversation', { conversationId });
    this.#fill(conversationId);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (this.#opened.get(conversationId) ?? 1) - 1;
      if (left > 0) this.#opened.set(conversationId, left);
      else {
        this.#opened.delete(conversationId);
        this.#tell('leave:conversation', { conversationId });
        this.#state.trim(conversationId);
        this.#state.changed(conversationId);
      }
    };
  }

  /**
   * Loads one more page of older messages, if there are any; while one is on its way, waits for that one. `open` the conversation to keep
   * them.
   */
  loadOlder(conversationId: string, limit = PAGE): Promise<void> {
    const state = this.#state.conversations.get(conversationId);
    if (!state || state.complete) return Promise.resolve();
    const loading = this.#loads.get(conversationId) ?? this.#loadPage(state, limit);
    this.#loads.set(conversationId, loading);
    return loading.finally(() => this.#loads.delete(conversationId));
  }

  async #loadPage(state: ConversationState, limit: number): Promise<void> {
    const { id: conversationId } = state;
    const before = state.timeline.low;
    this.#state.setLoading(conversationId, true);
    try {
      const path = `/api/chat/conversation/${conversationId}/messages?limit=${limit}&before=${before}`;
      const { data } = await this.#http.call<{ data: Message[] }>('GET', path);
      // A reset in between dropped what this page joins on to.
      if (state.timeline.low === before) state.applyHistory(data, before, limit);
      this.#state.setLoading(conversationId, false);
      this.#state.changed(conversationId);
    } catch (error) {
      this.#state.setLoading(conversationId, false, toConfabError(error));
    }
  }

  /** Loads history down to the message numbered `seq`. @returns whether it got there */
  async loadThrough(conversationId: string, seq: number): Promise<boolean> {
    const state = this.#state.conversations.get(conversationId);
    while (state && !state.complete && state.timeline.low > seq) {
      const { low } = state.timeline;
      await this.loadOlder(conversationId, JUMP_PAGE);
      if (state.timeline.low === low && !state.complete) return false;
    }
    return state !== undefined;
  }

  /** Gets a message that is not held, for `message(id)`. */
  async fetchMessage(messageId: string): Promise<void> {
    if (this.#state.single.of(messageId).get() !== undefined) return;
    try {
      const { data } = await this.#http.call<{ data: Message }>('GET', `/api/chat/message/${messageId}`);
      this.#state.setLoose(messageId, data);
    } catch (error) {
      if (toConfabError(error).code === 'NOT_FOUND') this.#state.setLoose(messageId, null);
      else throw error;
    }
  }

  /** Gets a message again: the addresses of its uploads are good for some minutes only (`expiresAt`). @throws ConfabError */
  async refreshMessage(messageId: string): Promise<void> {
    const { data } = await this.#http.call<{ data: Message }>('GET', `/api/chat/message/${messageId}`);
    this.#state.conversations.get(data.conversationId)?.applyChange(data);
    this.#state.changed(data.conversationId);
  }

  /**
   * Sends a message: it is in the list at once, and goes out as soon as it can.
   * @returns its client id, for `retry` and `discard`
   * @throws RangeError if it has neither text nor media
   */
  send(conversationId: string, draft: Draft): string {
    const text = draft.text?.trim() ? draft.text : null;
    const media = draft.media ?? [];
    if (text === null && media.length === 0) throw new RangeError('A message has text or media');
    const clientMessageId = this.#environment.newId();
    this.#typingSender.stop(conversationId);
    this.#outbox.add({
      clientMessageId,
      conversationId,
      text,
      media,
      messageType: text === null || media.length > 0 ? messageTypeOf(media) : 'text',
      replyTo: draft.replyTo ?? null,
      createdAt: new Date(this.#environment.now()).toISOString(),
      state: 'queued',
    });
    return clientMessageId;
  }

  /** Tries a failed message again. */
  retry(clientMessageId: string): void {
    this.#outbox.retry(clientMessageId);
  }

  /** Drops a message that was not sent. */
  discard(clientMessageId: string): void {
    this.#outbox.discard(clientMessageId);
  }

  /** @throws ConfabError FORBIDDEN (for everyone, by somebody else), NOT_FOUND */
  async deleteMessage(messageId: string, forEveryone: boolean): Promise<void> {
    const path = `/api/chat/message/${messageId}`;
    const { data } = await this.#http.call<{ data: { conversationId: string } }>('DELETE', path, {
      deleteForEveryone: forEveryone,
    });
    this.#live.deleted(data.conversationId, messageId, forEveryone);
  }

  /** The user has seen everything up to this message; the newest one if none is named. Cheap to call often. */
  markRead(conversationId: string, messageId?: string): void {
    const state = this.#state.conversations.get(conversationId);
    const { messages } = state?.timeline ?? { messages: [] };
    const message = messageId === undefined ? messages.at(-1) : state?.timeline.find(messageId);
    if (!state || !message || !state.applyRead(this.userId, message.seq)) return;
    this.#reads.add(conversationId, { messageId: message._id, seq: message.seq });
    this.#state.changed(conversationId);
  }

  /** Call it at every keystroke; the others are told as often as it takes. */
  notifyTyping(conversationId: string): void {
    this.#typingSender.keystroke(conversationId);
  }

  stopTyping(conversationId: string): void {
    this.#typingSender.stop(conversationId);
  }

  /** The conversation with a user, created if there was none. @returns its id @throws ConfabError */
  async startConversation(participantId: string): Promise<string> {
    const path = `/api/chat/conversation/${encodeURIComponent(participantId)}`;
    return this.#adopt(await this.#http.call<{ data: Conversation }>('GET', path));
  }

  /** @returns the id of a new group @throws ConfabError */
  async createGroup(participants: string[], name?: string): Promise<string> {
    const body = { participants, ...(name !== undefined && { name }) };
    return this.#adopt(await this.#http.call<{ data: Conversation }>('POST', '/api/chat/conversations', body));
  }

  /** What the server takes in uploads; null if it takes none. Asked once. @throws ConfabError if the server did not answer */
  mediaConfig(): Promise<MediaConfig | null> {
    this.#mediaConfig ??= fetchMediaConfig(this.#http).catch((error: unknown) => {
      this.#mediaConfig = undefined;
      throw error;
    });
    return this.#mediaConfig;
  }

  /** Uploads a file for a message of this conversation. @throws ConfabError */
  upload(conversationId: string, file: UploadFile, options?: UploadOptions): Promise<CompletedUpload> {
    return uploadMedia({ http: this.#http, environment: this.#environment }, conversationId, file, options);
  }

  #adopt({ data }: { data: Conversation }): string {
    if (this.#me !== undefined) this.#state.applyConversation(this.#me, data);
    // Its first messages and its cursor come with the next sync.
    if (this.#socket.connected) this.#sync.request('sync');
    return data._id;
  }

  #onOpened(token: string): void {
    const user = this.#options.userId ?? subjectOf(token);
    if (this.#me !== undefined && this.#me !== user) {
      this.emit('error', {
        code: 'UNAUTHENTICATED',
        message: 'The token is of another user: make a new client for them',
      });
      this.#connection.close();
      return;
    }
    this.#me = user;
    for (const conversationId of this.#opened.keys()) this.#tell('join:conversation', { conversationId });
    this.#sync.open();
  }

  #onClosed(): void {
    // Before anything else: what waits may ask for a sync, and that of a lost connection is stopped.
    this.#live.close();
    this.#sync.stop();
    this.#outbox.close();
    this.#reads.close();
    this.#typingSender.clear();
    this.#typingReceiver.clear();
  }

  #syncSteps() {
    return {
      list: () => this.#listAll(),
      applyList: (list: readonly Conversation[]) => this.#state.applyList(this.userId, list),
      known: () => [...this.#state.conversations.keys()],
      fetch: async (part: readonly string[] | undefined) => {
        const body = part
          ? { cursors: this.#state.cursorsOf(part), limit: SYNC_LIMIT, others: false }
          : { cursors: this.#state.cursors(), limit: SYNC_LIMIT };
        return (await this.#http.call<{ data: SyncResult }>('POST', '/api/chat/sync', body)).data;
      },
      apply: (result: SyncResult) => {
        this.#live.applySync(result);
        for (const id of this.#opened.keys()) this.#fill(id);
        return this.#state.conversations.size;
      },
      done: () => {
        this.#live.flush();
        this.#outbox.open();
        this.#reads.open();
        this.#connection.live();
      },
      failed: (error: unknown) => {
        this.#live.flush();
        this.emit('error', toConfabError(error));
      },
    };
  }

  async #listAll(): Promise<Conversation[]> {
    const all: Conversation[] = [];
    for (let before: string | undefined; ; ) {
      const query = before === undefined ? '' : `?before=${encodeURIComponent(before)}`;
      const path = `/api/chat/conversations${query}`;
      const reply = await this.#http.call<{ data: Conversation[]; nextCursor?: string }>('GET', path);
      all.push(...reply.data);
      before = reply.nextCursor;
      if (before === undefined) return all;
    }
  }

  /** The first sync of a conversation brings its newest messages: only what is missing then is read from history. */
  #fill(conversationId: string): void {
    const state = this.#state.conversations.get(conversationId);
    if (state?.cursor() !== undefined && !state.complete && state.timeline.messages.length < FIRST_SCREEN)
      void this.loadOlder(conversationId);
  }

  #outboxEvents() {
    return {
      send: async (item: OutboxItem) => {
        const { conversationId, text, media, messageType, replyTo, clientMessageId } = item;
        const body = {
          conversationId,
          messageType,
          clientMessageId,
          ...(text !== null && { text }),
          ...(media.length > 0 && { media }),
          ...(replyTo !== null && { replyTo }),
        };
        return (await this.#ask<{ message: Message }>('send:message', body)).message;
      },
      stored: (message: Message) => this.#live.stored(message),
      changed: (conversationId: string) => this.#state.changed(conversationId),
      failed: (item: OutboxItem, error: ConfabError) => this.emit('failed', { item, error }),
      limited: (until: number) => {
        this.#limitTopic.invalidate();
        this.emit('limited', { until });
      },
      storageFailed: (doing: 'load' | 'save', cause: unknown) => {
        const message = `The outbox could not ${doing} unsent messages: ${cause instanceof Error ? cause.message : cause}`;
        this.emit('error', { code: 'OUTBOX_STORAGE', message });
      },
    };
  }

  async #tellRead(conversationId: string, messageId: string): Promise<void> {
    await this.#ask('message:read', { conversationId, messageIds: [messageId] });
    if (this.#state.conversations.get(conversationId)?.unreadExact === false) this.#sync.request('list');
  }

  /** @throws ConfabError; NO_ANSWER if it is unknown whether the server did it */
  async #ask<T>(event: string, payload: object): Promise<T> {
    if (!this.#socket.connected) throw new ConfabError('OFFLINE', 'Not connected');
    let reply: { success?: boolean; data?: T };
    try {
      reply = (await this.#socket.timeout(ACK_DEADLINE).emitWithAck(event, payload)) as typeof reply;
    } catch {
      throw new ConfabError('NO_ANSWER', 'The server did not answer');
    }
    if (reply.success === true) return reply.data as T;
    throw toConfabError(reply);
  }

  /** For what is of no use later: said if connected, forgotten otherwise. @returns whether it was said */
  #tell<E extends ClientEventName>(event: E, payload: ClientPayload<E>): boolean {
    if (this.#socket.connected) this.#socket.emit(event, payload);
    return this.#socket.connected;
  }
}

/** A client, not connected yet. */
export function createChatClient(options: ChatClientOptions): ChatClient {
  return new ChatClient(options);
}
