import type { MediaInput, Message, MessageType } from '@confab/contracts';
import { backoff, type ClientEnvironment } from './environment.ts';
import { type ConfabError, toConfabError } from './error.ts';

/** A message of the user that the server has not confirmed yet. */
export interface OutboxItem {
  clientMessageId: string;
  conversationId: string;
  text: string | null;
  media: MediaInput[];
  messageType: MessageType;
  replyTo: string | null;
  /** ISO 8601. */
  createdAt: string;
  state: 'queued' | 'sending' | 'failed';
  error?: ConfabError;
}

/**
 * Where unsent messages survive the end of the program. Two programs may share one whose `save` leaves alone what its program never held,
 * as that of `webStorageOutbox` does: the server takes each message once. What fails here is told by the `error` event; messages are sent
 * all the same.
 */
export interface OutboxStorage {
  /** Called once, before any `save`. If it fails, what it could not give is lost with the next `save`. */
  load(): OutboxItem[] | Promise<OutboxItem[]>;
  save(items: OutboxItem[]): void | Promise<void>;
}

export interface OutboxEvents {
  /** Sends one message. @returns the stored message @throws ConfabError */
  send(item: OutboxItem): Promise<Message>;
  stored(message: Message): void;
  changed(conversationId: string): void;
  failed(item: OutboxItem, error: ConfabError): void;
  /** The server takes no message of this user before then (Unix time in milliseconds). */
  limited(until: number): void;
  /** Messages that are not sent before the end of the program may be lost. */
  storageFailed(doing: 'load' | 'save', cause: unknown): void;
}

/** Tries of one message while connected, before the user is asked. Source: with the pauses below this is about half a minute. */
const MAX_TRIES = 6;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/**
 * Sends messages in order, one at a time per conversation. Guarantee: each is stored at most once, because every try carries the same
 * `clientMessageId`; and it is sent until it is stored, refused for good, or discarded.
 */
export class Outbox {
  readonly #environment: ClientEnvironment;
  readonly #events: OutboxEvents;
  readonly #storage: OutboxStorage | undefined;
  readonly #tries = new Map<string, number>();
  readonly #busy = new Set<string>();
  readonly #waiting = new Map<string, () => void>();
  #items: OutboxItem[] = [];
  #restoring: Promise<void> | undefined;
  /** The storage was read: nothing is overwritten any more. */
  #restored = false;
  #open = false;
  #limitedUntil = 0;

  constructor(environment: ClientEnvironment, events: OutboxEvents, storage?: OutboxStorage) {
    this.#environment = environment;
    this.#events = events;
    this.#storage = storage;
  }

  /** Takes up what was left by an earlier run. Called again, it waits for the same. */
  restore(): Promise<void> {
    this.#restoring ??= this.#restore();
    return this.#restoring;
  }

  async #restore(): Promise<void> {
    try {
      this.#takeUp((await this.#storage?.load()) ?? []);
    } catch (error) {
      this.#events.storageFailed('load', error);
    }
    this.#restored = true;
    if (this.#items.length > 0) this.#save();
    for (const id of this.#conversations()) this.#events.changed(id);
    if (this.#open) this.open();
  }

  #takeUp(left: readonly OutboxItem[]): void {
    const known = new Set(this.#items.map((item) => item.clientMessageId));
    const restored = left.filter((item) => !known.has(item.clientMessageId));
    for (const item of restored) {
      delete item.error;
      if (item.state === 'sending') item.state = 'queued';
    }
    this.#items = [...restored, ...this.#items];
  }

  of(conversationId: string): OutboxItem[] {
    return this.#items.filter((item) => item.conversationId === conversationId);
  }

  get limitedUntil(): number {
    return this.#limitedUntil;
  }

  add(item: OutboxItem): void {
    void this.restore();
    this.#items.push(item);
    this.#changed(item.conversationId);
    void this.#drain(item.conversationId);
  }

  /** The connection is live: send what waits. */
  open(): void {
    this.#open = true;
    for (const id of this.#conversations()) void this.#drain(id);
  }

  close(): void {
    this.#open = false;
    for (const callOff of this.#waiting.values()) callOff();
    this.#waiting.clear();
  }

  /** Tries a failed message again, as the same message. */
  retry(clientMessageId: string): void {
    const item = this.#find(clientMessageId);
    if (item?.state !== 'failed') return;
    this.#tries.delete(clientMessageId);
    this.#set(item, 'queued');
    void this.#drain(item.conversationId);
  }

  /** Gives a message up. One that is on its way may be stored all the same; it shows up like any other then. */
  discard(clientMessageId: string): void {
    this.#remove(clientMessageId);
  }

  /** The server has it: by ack, `message:sent`, `new:message` or sync, whichever comes first. */
  confirm(clientMessageId: string): OutboxItem | undefined {
    return this.#remove(clientMessageId);
  }

  async #drain(conversationId: string): Promise<void> {
    if (this.#busy.has(conversationId)) return;
    this.#busy.add(conversationId);
    try {
      for (let item = this.#next(conversationId); item; item = this.#next(conversationId)) await this.#try(item);
    } finally {
      this.#busy.delete(conversationId);
    }
  }

  #next(conversationId: string): OutboxItem | undefined {
    if (!this.#open || this.#waiting.has(conversationId)) return undefined;
    if (this.#limitedUntil > this.#environment.now()) {
      this.#pause(conversationId, this.#limitedUntil - this.#environment.now());
      return undefined;
    }
    return this.#items.find((item) => item.conversationId === conversationId && item.state === 'queued');
  }

  async #try(item: OutboxItem): Promise<void> {
    this.#set(item, 'sending');
    try {
      const message = await this.#events.send(item);
      this.#remove(item.clientMessageId);
      this.#events.stored(message);
    } catch (error) {
      if (this.#find(item.clientMessageId)) this.#onError(item, toConfabError(error));
    }
  }

  #onError(item: OutboxItem, error: ConfabError): void {
    // A try that ended because the connection did is not held against the message; nor is a refused token.
    if (error.code === 'RATE_LIMITED') this.#onLimited(item, error);
    else if (!this.#open || error.tokenRefused) this.#wait(item, LONGEST_PAUSE);
    else this.#onFailedTry(item, error);
  }

  #onFailedTry(item: OutboxItem, error: ConfabError): void {
    const tries = (this.#tries.get(item.clientMessageId) ?? 0) + 1;
    this.#tries.set(item.clientMessageId, tries);
    if (!error.retryable || tries >= MAX_TRIES) {
      item.error = error;
      this.#set(item, 'failed');
      this.#events.failed(item, error);
      return;
    }
    const pause = backoff(tries - 1, FIRST_PAUSE, LONGEST_PAUSE, this.#environment.random);
    this.#wait(item, Math.max(pause, (error.retryAfter ?? 0) * 1000));
  }

  #onLimited(item: OutboxItem, error: ConfabError): void {
    const pause = (error.retryAfter ?? 1) * 1000;
    this.#limitedUntil = Math.max(this.#limitedUntil, this.#environment.now() + pause);
    this.#events.limited(this.#limitedUntil);
    // A moment more than the server said: a try that is early costs another round.
    this.#wait(item, pause + 100);
  }

  #wait(item: OutboxItem, pause: number): void {
    this.#set(item, 'queued');
    if (this.#open) this.#pause(item.conversationId, pause);
  }

  #pause(conversationId: string, pause: number): void {
    const callOff = this.#environment.after(pause, () => {
      this.#waiting.delete(conversationId);
      void this.#drain(conversationId);
    });
    this.#waiting.set(conversationId, callOff);
  }

  #find(clientMessageId: string): OutboxItem | undefined {
    return this.#items.find((item) => item.clientMessageId === clientMessageId);
  }

  #set(item: OutboxItem, state: OutboxItem['state']): void {
    const changed: OutboxItem = { ...item, state };
    if (state !== 'failed') delete changed.error;
    const at = this.#items.findIndex((other) => other.clientMessageId === item.clientMessageId);
    if (at < 0) return;
    this.#items = this.#items.with(at, changed);
    this.#changed(item.conversationId);
  }

  #remove(clientMessageId: string): OutboxItem | undefined {
    const item = this.#find(clientMessageId);
    if (!item) return undefined;
    this.#items = this.#items.filter((other) => other !== item);
    this.#tries.delete(clientMessageId);
    this.#changed(item.conversationId);
    return item;
  }

  #changed(conversationId: string): void {
    this.#save();
    this.#events.changed(conversationId);
  }

  #save(): void {
    if (!this.#restored) return;
    const items = this.#items.map(({ error: _, ...item }) => item);
    // Async, so that a storage that throws fails in the same way as one that rejects.
    const saved = async () => this.#storage?.save(items);
    saved().catch((error: unknown) => this.#events.storageFailed('save', error));
  }

  #conversations(): Set<string> {
    return new Set(this.#items.map((item) => item.conversationId));
  }
}
