import type { Conversation, Message, SyncResult } from '@confab/contracts';
import { ConversationState } from './conversation.ts';
import type { ConfabError } from './error.ts';
import { Derived, Topics } from './observable.ts';
import type { OutboxItem } from './outbox.ts';
import {
  type ChatConversation,
  type ChatMessage,
  conversationOf,
  type MessageList,
  messageOf,
  messagesOf,
} from './views.ts';

export interface Presence {
  online: boolean;
  /** Unix time in milliseconds of the last disconnection; null if it is not known. */
  lastSeen: number | null;
}

interface Loading {
  active: boolean;
  error: ConfabError | undefined;
}

/**
 * Messages that are held of a conversation that is not open. Source: ten screens, so that one that is opened begins without waiting; at
 * 1 kB a message, 0.3 MB.
 */
const HELD_UNOPENED = 300;
const UNKNOWN: Presence = { online: false, lastSeen: null };
const EMPTY: MessageList = { messages: [], hasOlder: true, loading: true, error: undefined };

/** Everything this client knows, and what others see of it. It learns; it never asks. */
export class ChatState {
  readonly conversations = new Map<string, ConversationState>();
  readonly list: Derived<readonly ChatConversation[]>;
  readonly unread = new Derived<number>(() => this.#sum());
  readonly messages = new Topics<MessageList>((id) => this.#messageList(id));
  readonly presence = new Topics<Presence>((id) => this.#presence.get(id) ?? UNKNOWN);
  /** By id: a message that others refer to. Undefined: not known yet; null: it does not exist for this user. */
  readonly single = new Topics<ChatMessage | null | undefined>((id) => this.#single(id));
  readonly #pending: (conversationId: string) => OutboxItem[];
  readonly #isOpen: (conversationId: string) => boolean;
  readonly #presence = new Map<string, Presence>();
  readonly #loose = new Map<string, Message | null>();
  readonly #loading = new Map<string, Loading>();

  /**
   * @param pending the messages of a conversation that are on their way
   * @param isOpen whether the application shows it, and wants to keep all that it has
   */
  constructor(pending: (conversationId: string) => OutboxItem[], isOpen: (conversationId: string) => boolean) {
    this.#pending = pending;
    this.#isOpen = isOpen;
    this.list = new Derived((before) => this.#conversationList(before ?? []));
  }

  /** The list of conversations as the server has it. */
  applyList(me: string, conversations: readonly Conversation[]): void {
    for (const info of conversations) this.applyConversation(me, info);
  }

  applyConversation(me: string, info: Conversation): ConversationState {
    let state = this.conversations.get(info._id);
    if (state) state.applyInfo(info);
    else {
      state = new ConversationState(me, info);
      this.conversations.set(info._id, state);
    }
    for (const { _id, isOnline, lastSeen } of info.participants) this.setPresence(_id, { online: isOnline, lastSeen });
    this.changed(info._id);
    return state;
  }

  /** @returns the messages that are new here */
  applySync(me: string, result: SyncResult): Message[] {
    const fresh: Message[] = [];
    for (const item of result.conversations) {
      const known = this.conversations.get(item.conversationId);
      const state = known ?? (item.conversation && this.applyConversation(me, item.conversation));
      if (!state) continue;
      fresh.push(...state.applySync(item));
      for (const message of item.changes) this.#loosen(message);
      this.trim(state.id);
      this.changed(state.id);
    }
    for (const id of result.left) this.remove(id);
    return fresh;
  }

  cursors(): Record<string, string> {
    const entries = [...this.conversations].map(([id, state]) => [id, state.cursor()] as const);
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  /** Of these conversations; where nothing was caught up yet, a cursor that brings the newest messages. */
  cursorsOf(ids: readonly string[]): Record<string, string> {
    const known = ids.flatMap((id) => this.conversations.get(id) ?? []);
    return Object.fromEntries(known.map((state) => [state.id, state.cursor() ?? state.firstCursor()]));
  }

  remove(conversationId: string): void {
    if (this.conversations.delete(conversationId)) this.changed(conversationId);
  }

  setPresence(userId: string, presence: Presence): void {
    const before = this.#presence.get(userId);
    if (before && before.online === presence.online && before.lastSeen === presence.lastSeen) return;
    this.#presence.set(userId, presence);
    this.presence.invalidate(userId);
  }

  presenceOf(userId: string): Presence {
    return this.#presence.get(userId) ?? UNKNOWN;
  }

  setLoose(id: string, message: Message | null): void {
    this.#loose.set(id, message);
    this.single.invalidate(id);
  }

  /** A message was deleted or hidden: it may be shown as what another one replies to. */
  deleted(id: string, forEveryone: boolean, at: string): void {
    const loose = this.#loose.get(id);
    if (loose) this.#loose.set(id, forEveryone ? { ...loose, text: null, media: [], deletedAt: at } : null);
    this.single.invalidate(id);
  }

  setLoading(conversationId: string, active: boolean, error?: ConfabError): void {
    this.#loading.set(conversationId, { active, error });
    this.messages.invalidate(conversationId);
  }

  /** Lets go of old messages where nobody looks: without it, a client holds all that it ever heard. Tell of it by `changed`. */
  trim(conversationId: string): void {
    if (!this.#isOpen(conversationId)) this.conversations.get(conversationId)?.trim(HELD_UNOPENED);
  }

  changed(conversationId: string): void {
    this.messages.invalidate(conversationId);
    this.list.invalidate();
    this.unread.invalidate();
  }

  #loosen(message: Message): void {
    if (this.#loose.has(message._id)) this.#loose.set(message._id, message);
    this.single.invalidate(message._id);
  }

  #messageList(id: string): MessageList {
    const state = this.conversations.get(id);
    if (!state) return EMPTY;
    const { active = false, error } = this.#loading.get(id) ?? {};
    const loading = active || state.cursor() === undefined;
    return { messages: messagesOf(state, this.#pending(id)), hasOlder: !state.complete, loading, error };
  }

  #conversationList(before: readonly ChatConversation[]): readonly ChatConversation[] {
    const known = new Map(before.map((view) => [view.id, view]));
    return [...this.conversations.values()]
      .map((state) => conversationOf(state, this.#pending(state.id), known.get(state.id)))
      .sort((a, b) => (a.activeAt < b.activeAt ? 1 : a.activeAt > b.activeAt ? -1 : a.id < b.id ? -1 : 1));
  }

  #single(id: string): ChatMessage | null | undefined {
    for (const state of this.conversations.values()) {
      const held = state.timeline.find(id) ?? this.#looseIn(state, id);
      if (held) return messageOf(state, held);
    }
    return this.#loose.get(id) === null ? null : undefined;
  }

  #looseIn(state: ConversationState, id: string): Message | undefined {
    const loose = this.#loose.get(id);
    return loose?.conversationId === state.id ? loose : undefined;
  }

  #sum(): number {
    let sum = 0;
    for (const state of this.conversations.values()) sum += state.unread;
    return sum;
  }
}
