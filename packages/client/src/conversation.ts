import type { Conversation, Message, MessagePreview, SyncConversation, Watermark } from '@confab/contracts';
import { Timeline } from './timeline.ts';

/** Messages that the first sync of a conversation brings. Source: as many as the server gives where no cursor is named. */
const FIRST_PAGE = 50;

interface Mark {
  deliveredSeq: number;
  readSeq: number;
}

/** What this client knows of one conversation. Everything here is idempotent: each fact may come several times, in any order. */
export class ConversationState {
  readonly id: string;
  readonly me: string;
  info: Conversation;
  timeline: Timeline;
  /** Up to here the user has read. */
  readSeq: number;
  /** The whole history down to the first message is held. */
  complete = false;
  #changeSeq = 0;
  #marksSum = 0;
  #synced = false;
  readonly #marks = new Map<string, Mark>();
  /** Every other member has received, read up to here: what the server said so far, and what was so of the members before they changed. */
  #everyone: Mark = { deliveredSeq: 0, readSeq: 0 };
  // The server's unread count, or that of what `trim` let go of. It covers messages up to #countedSeq and holds for the read watermark
  // #countedAt.
  #counted = 0;
  #countedSeq = 0;
  #countedAt = 0;

  constructor(me: string, info: Conversation) {
    this.id = info._id;
    this.me = me;
    this.info = info;
    this.timeline = new Timeline(info.seq);
    this.readSeq = info.readSeq;
    this.complete = info.seq === 0;
    this.applyInfo(info);
  }

  /** The conversation as the server shows it now: its members, preview and unread count. */
  applyInfo(info: Conversation): void {
    const newer = info.seq >= this.info.seq;
    // Of those who are members until now: what they all have read stays read, also when one joins who has not, or nobody else is left.
    this.#everyone = this.everyone;
    this.info = newer ? info : { ...info, lastMessage: this.info.lastMessage, lastMessageAt: this.info.lastMessageAt };
    this.readSeq = Math.max(this.readSeq, info.readSeq);
    if (info.seq >= this.#countedSeq && info.readSeq >= this.#countedAt) {
      this.#counted = info.unreadCount;
      this.#countedSeq = info.seq;
      this.#countedAt = info.readSeq;
    }
  }

  /** Where catching up goes on from; undefined before the first sync, which then begins with the newest messages. */
  cursor(): string | undefined {
    return this.#synced ? `${this.timeline.head}.${this.#changeSeq}.${this.#marksSum}` : undefined;
  }

  /** Where to begin without a cursor of its own, for a call that has to name one: a page before the newest message. */
  firstCursor(): string {
    return `${Math.max(0, this.info.seq - FIRST_PAGE)}.0.0`;
  }

  /** @returns the messages that are new to this client */
  applySync(item: SyncConversation): Message[] {
    const [seq = 0, changeSeq = 0, marks = 0] = item.cursor.split('.').map(Number);
    const first = item.messages[0];
    if (item.verdict === 'reset') this.#reset(first?.seq ?? seq + 1, seq);
    else if (!this.#synced) this.#rebase(first?.seq, seq);
    const fresh = this.timeline.addAll(item.messages);
    for (const message of item.changes) this.applyChange(message);
    for (const id of item.hidden) this.hide(id);
    this.timeline.raiseHead(seq);
    this.#synced = true;
    this.#changeSeq = Math.max(this.#changeSeq, changeSeq);
    this.#marksSum = marks;
    for (const mark of item.watermarks) this.#applyMark(mark);
    if (item.conversation) this.applyInfo(item.conversation);
    for (const message of fresh) this.#preview(message);
    return fresh;
  }

  /** The first sync vouches for less than the list did: messages may be in flight. What is held stays. */
  #rebase(first: number | undefined, head: number): void {
    const before = this.timeline;
    this.timeline = new Timeline(head);
    this.timeline.addAll(before.messages);
    this.timeline.lowerTo(Math.min(before.low, first ?? before.low));
  }

  #reset(low: number, head: number): void {
    this.timeline = new Timeline(head);
    this.timeline.lowerTo(low);
    this.complete = low <= 1;
    this.#changeSeq = 0;
  }

  /** A message that was told live, or that a send was answered with. @returns whether it is new to this client */
  applyMessage(message: Message): boolean {
    if (message.changeSeq > 0 && this.timeline.find(message._id)) this.applyChange(message);
    const fresh = this.timeline.add(message) === 'new';
    this.#preview(message);
    return fresh;
  }

  /** A message changed. It may be one that is not held. */
  applyChange(message: Message): void {
    const held = this.timeline.find(message._id);
    if (held) this.timeline.add(message);
    if (message.deletedAt) this.#previewDeleted(message._id, message.deletedAt);
    if (held && message.deletedAt && !held.deletedAt) this.#uncount(held);
  }

  /** One page of history, newest first page first. @param limit how many were asked for */
  applyHistory(page: readonly Message[], before: number, limit: number): void {
    this.timeline.addAll(page);
    const lowest = page.reduce((low, message) => Math.min(low, message.seq), before);
    // The first message is the first, however full its page is: asking for what is before it would only show that a moment later.
    this.complete = page.length < limit || lowest <= 1;
    this.timeline.lowerTo(this.complete ? 1 : lowest);
  }

  /** Lets go of all but the newest `count` messages. The unread ones among those count on. */
  trim(count: number): void {
    const { base, from, exact } = this.#unreadParts();
    const gone = this.timeline.trim(count);
    if (gone.length === 0) return;
    this.complete = false;
    const below = this.timeline.low - 1;
    if (below <= from) return;
    this.#counted = base + gone.filter((message) => message.seq > from && this.#isUnread(message)).length;
    this.#countedSeq = below;
    if (exact) this.#countedAt = this.readSeq;
  }

  /** @returns false if it is not known how many unread messages remain: ask the server */
  applyDeleted(id: string, seq: number, changeSeq: number, at: string): boolean {
    const held = this.timeline.find(id);
    if (held && !held.deletedAt) {
      this.applyChange({ ...held, text: null, media: [], deletedAt: at, changeSeq });
      return true;
    }
    this.#previewDeleted(id, at);
    return held !== undefined || seq <= this.readSeq || seq > this.#countedSeq;
  }

  hide(id: string): void {
    const held = this.timeline.hide(id);
    if (held && !held.deletedAt) this.#uncount(held);
    if (this.info.lastMessage?._id !== id) return;
    const newest = this.timeline.messages.at(-1);
    this.info = { ...this.info, lastMessage: newest ? previewOf(newest) : null };
  }

  /** A member, perhaps this user, has read up to `seq`. @returns whether that was news */
  applyRead(userId: string, seq: number): boolean {
    if (userId !== this.me) return this.#applyMark({ userId, deliveredSeq: seq, readSeq: seq });
    if (seq <= this.readSeq) return false;
    this.readSeq = seq;
    return true;
  }

  /** Every other member has received the messages up to `seq`. */
  applyDelivered(seq: number): boolean {
    if (seq <= this.#everyone.deliveredSeq) return false;
    this.#everyone = { ...this.#everyone, deliveredSeq: seq };
    return true;
  }

  #applyMark({ userId, deliveredSeq, readSeq }: Watermark): boolean {
    if (userId === this.me) return this.applyRead(userId, readSeq);
    const mark = this.#marks.get(userId) ?? { deliveredSeq: 0, readSeq: 0 };
    if (deliveredSeq <= mark.deliveredSeq && readSeq <= mark.readSeq) return false;
    this.#marks.set(userId, {
      deliveredSeq: Math.max(mark.deliveredSeq, deliveredSeq, readSeq),
      readSeq: Math.max(mark.readSeq, readSeq),
    });
    return true;
  }

  /** How far all other members have come: the lowest of their watermarks, or what the server said of all. */
  get everyone(): Mark {
    const others = this.info.participants.filter((participant) => participant._id !== this.me);
    const lowest = (of: keyof Mark) =>
      others.length === 0 ? 0 : Math.min(...others.map((other) => this.#marks.get(other._id)?.[of] ?? 0));
    const readSeq = Math.max(this.#everyone.readSeq, lowest('readSeq'));
    return { readSeq, deliveredSeq: Math.max(this.#everyone.deliveredSeq, lowest('deliveredSeq'), readSeq) };
  }

  /** Messages of others that the user has not read; see `unreadExact`. */
  get unread(): number {
    const { base, from } = this.#unreadParts();
    let count = base;
    for (let at = this.timeline.messages.length - 1; at >= 0; at--) {
      const message = this.timeline.messages[at] as Message;
      if (message.seq <= from) break;
      if (this.#isUnread(message)) count += 1;
    }
    return count;
  }

  /** Whether a message above `readSeq` counts. */
  #isUnread(message: Message): boolean {
    return message.senderId._id !== this.me && message.deletedAt === null;
  }

  /** False if the user read part of what the server counted, and not all of the rest is held: `unread` is too high then. */
  get unreadExact(): boolean {
    return this.#unreadParts().exact;
  }

  /**
   * The server's count, or that of what was let go of here, as far as it still holds, and the seq above which held messages are counted
   * here. The server's count is of a moment at which messages were being stored, so it may be off by those: it is used only where not all
   * unread messages are held.
   */
  #unreadParts(): { base: number; from: number; exact: boolean } {
    const above = Math.max(this.readSeq, this.#countedSeq);
    if (this.timeline.low <= this.readSeq + 1) return { base: 0, from: this.readSeq, exact: true };
    if (this.readSeq <= this.#countedAt) return { base: this.#counted, from: above, exact: true };
    if (this.readSeq >= this.#countedSeq) return { base: 0, from: above, exact: true };
    return { base: this.#counted, from: above, exact: false };
  }

  #uncount(message: Message): void {
    if (message.seq <= this.#countedSeq && message.seq > this.#countedAt && message.senderId._id !== this.me)
      this.#counted = Math.max(0, this.#counted - 1);
  }

  #preview(message: Message): void {
    const shown = this.info.lastMessage;
    if (message.seq < this.info.seq || (shown && message.seq <= shown.seq)) return;
    this.info = {
      ...this.info,
      seq: message.seq,
      lastMessage: previewOf(message),
      lastMessageAt: message.createdAt,
    };
  }

  #previewDeleted(id: string, deletedAt: string): void {
    const { lastMessage } = this.info;
    if (lastMessage?._id === id)
      this.info = { ...this.info, lastMessage: { ...lastMessage, text: null, deletedAt: deletedAt } };
  }
}

function previewOf(message: Message): MessagePreview {
  const { _id, seq, text, messageType, senderId, status, deletedAt, createdAt } = message;
  return { _id, seq, text, messageType, senderId, status, deletedAt, createdAt };
}
