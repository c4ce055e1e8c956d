import type { Message, ServerEventName, ServerPayload, SyncResult } from '@confab/contracts';
import type { ChatState } from './chat-state.ts';
import type { Emitter } from './emitter.ts';
import type { ClientEnvironment } from './environment.ts';
import type { ChatEvents } from './options.ts';
import type { Outbox, OutboxItem } from './outbox.ts';
import type { SyncRunner } from './sync.ts';
import type { TypingReceiver } from './typing.ts';
import { senderIn } from './views.ts';

/**
 * Milliseconds that a missing message may take before it is asked for. Source: two senders at once reach us in either order, some
 * milliseconds apart; a sync for each of those would cost more than it mends.
 */
const OVERTAKEN = 200;

type Handlers = { [E in ServerEventName]?: (payload: ServerPayload<E>) => void };

interface Parts {
  state: ChatState;
  outbox: Outbox;
  typing: TypingReceiver;
  sync: SyncRunner;
  events: Emitter<ChatEvents>;
  me(): string;
  /** The state is known to be behind: show it. */
  behind(): void;
}

/** What the server tells, applied to the state. While a snapshot is being taken, events wait, and are applied after it. */
export class LiveEvents {
  readonly #environment: ClientEnvironment;
  readonly #parts: Parts;
  readonly #handlers: Handlers;
  #buffer: { event: ServerEventName; payload: never }[] = [];
  #gapCheck: (() => void) | undefined;

  constructor(environment: ClientEnvironment, parts: Parts) {
    this.#environment = environment;
    this.#parts = parts;
    this.#handlers = this.#table();
  }

  receive(event: string, payload: never): void {
    const { typing, events, me } = this.#parts;
    const typed = payload as ServerPayload<'typing:start'>;
    // Neither waits for a snapshot: it says nothing about them.
    if (event === 'typing:start' && typed.userId !== me()) typing.start(typed.conversationId, typed.userId);
    else if (event === 'typing:stop') typing.stop(typed.conversationId, typed.userId);
    else if (event === 'session:end') events.emit('end', payload);
    else if (this.#parts.sync.running) this.#buffer.push({ event: event as ServerEventName, payload });
    else this.#apply(event as ServerEventName, payload);
  }

  /** Applies what waited. */
  flush(): void {
    const waiting = this.#buffer;
    this.#buffer = [];
    for (const { event, payload } of waiting) this.#apply(event, payload);
  }

  /** The connection is gone: what waits is applied, and nothing is asked for. */
  close(): void {
    this.flush();
    this.#gapCheck?.();
    this.#gapCheck = undefined;
  }

  applySync(result: SyncResult): void {
    const { state, me } = this.#parts;
    const fresh = state.applySync(me(), result);
    for (const message of fresh) this.#confirm(message);
    for (const message of fresh) this.#parts.events.emit('message', { message, live: false });
  }

  /** An own message was acknowledged. */
  stored(message: Message): void {
    this.#onMessage(message);
  }

  /** A deletion of this client was carried out. The server's event, with its change number, may come before or after. */
  deleted(conversationId: string, messageId: string, forEveryone: boolean): void {
    const conversation = this.#parts.state.conversations.get(conversationId);
    const { seq = 0, changeSeq = 0 } = conversation?.timeline.find(messageId) ?? {};
    this.#onDeleted({ conversationId, messageId, seq, changeSeq, deletedForEveryone: forEveryone });
  }

  #apply(event: ServerEventName, payload: never): void {
    (this.#handlers[event] as ((payload: never) => void) | undefined)?.(payload);
  }

  #table(): Handlers {
    const { events, state, sync, me } = this.#parts;
    const presence = (userId: string, online: boolean, lastSeen: number | null) => {
      state.setPresence(userId, { online, lastSeen });
      events.emit('presence', { userId, online, lastSeen });
    };
    return {
      'new:message': ({ message }) => this.#onMessage(message),
      'message:sent': (sent) => this.#onSent(sent),
      'message:delivered': (delivered) => {
        const moved = state.conversations.get(delivered.conversationId)?.applyDelivered(delivered.seq);
        if (moved) state.changed(delivered.conversationId);
        events.emit('delivered', delivered);
      },
      'messages:read': (read) => {
        const moved = state.conversations.get(read.conversationId)?.applyRead(read.readBy, read.readSeq);
        if (moved) state.changed(read.conversationId);
        events.emit('read', read);
        this.#recount(read.conversationId);
      },
      'user:online': ({ userId }) => presence(userId, true, state.presenceOf(userId).lastSeen),
      'user:offline': ({ userId, lastSeen }) => presence(userId, false, lastSeen),
      'message:deleted': (deleted) => this.#onDeleted(deleted),
      'conversation:updated': ({ conversationId, change, userIds }) => {
        if (change === 'member-removed' && userIds.includes(me())) state.remove(conversationId);
        else sync.request('list');
      },
      'sync:required': () => {
        this.#parts.behind();
        sync.request('list');
      },
      error: (error) => events.emit('error', error),
    };
  }

  #onMessage(message: Message): void {
    const { state, sync, events, typing } = this.#parts;
    this.#confirm(message);
    typing.stop(message.conversationId, message.senderId._id);
    const conversation = state.conversations.get(message.conversationId);
    if (!conversation) {
      sync.request('list');
      return;
    }
    const fresh = conversation.applyMessage(message);
    state.trim(conversation.id);
    state.changed(conversation.id);
    if (fresh) events.emit('message', { message, live: true });
    if (conversation.timeline.hasGap) this.#checkGap();
  }

  #confirm(message: Message): void {
    const { outbox, me } = this.#parts;
    if (message.senderId._id === me() && message.clientMessageId !== undefined) outbox.confirm(message.clientMessageId);
  }

  /** Stored, says the server before it shows us the message as it stored it: the ack or `new:message` does that. */
  #onSent({ messageId, conversationId, seq, clientMessageId, createdAt }: ServerPayload<'message:sent'>): void {
    const { outbox, state, me } = this.#parts;
    const conversation = state.conversations.get(conversationId);
    const item = outbox.of(conversationId).find((waiting) => waiting.clientMessageId === clientMessageId);
    if (!item || !conversation) return;
    const media = item.media.flatMap(({ url, ...part }) => (url === undefined ? [] : [{ ...part, url }]));
    // An upload has no address before the server gives it one: the ack brings it.
    if (media.length < item.media.length) return;
    const senderId = senderIn(conversation.info, me());
    this.#onMessage(storedFrom(item, { _id: messageId, seq, createdAt, senderId, media }));
  }

  #onDeleted(deleted: ServerPayload<'message:deleted'>): void {
    const { messageId, conversationId, seq, changeSeq, deletedForEveryone: forEveryone } = deleted;
    const { state, sync, events } = this.#parts;
    const at = new Date(this.#environment.now()).toISOString();
    const conversation = state.conversations.get(conversationId);
    if (!conversation) return;
    if (!forEveryone) conversation.hide(messageId);
    else if (!conversation.applyDeleted(messageId, seq, changeSeq, at)) sync.request('list');
    state.deleted(messageId, forEveryone, at);
    state.changed(conversationId);
    events.emit('deleted', { messageId, conversationId, forEveryone });
  }

  /** The user read on another device, more than this client can count. */
  #recount(conversationId: string): void {
    const { state, sync } = this.#parts;
    if (state.conversations.get(conversationId)?.unreadExact === false) sync.request('list');
  }

  #checkGap(): void {
    this.#gapCheck ??= this.#environment.after(OVERTAKEN, () => {
      this.#gapCheck = undefined;
      const { state, sync } = this.#parts;
      const gap = [...state.conversations.values()].some((conversation) => conversation.timeline.hasGap);
      if (gap && !sync.pending) sync.request('sync');
    });
  }
}

type StoredPart = Pick<Message, '_id' | 'seq' | 'createdAt' | 'senderId' | 'media'>;

function storedFrom(item: OutboxItem, stored: StoredPart): Message {
  const { clientMessageId, conversationId, text, messageType, replyTo } = item;
  return {
    ...stored,
    conversationId,
    changeSeq: 0,
    clientMessageId,
    text,
    messageType,
    status: 'sent',
    replyTo,
    deletedAt: null,
    updatedAt: stored.createdAt,
  };
}
