import { deleteMessage, sendMessage, sync, voidSeq } from '@confab/chat';
import type { SyncResult } from '@confab/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChatFixture, startChatFixture } from './chat-fixture.ts';

let chat: ChatFixture;
beforeAll(async () => {
  chat = await startChatFixture();
});
afterAll(() => chat.close());

/** A client that keeps a cursor and a copy, as DESIGN section 5 describes one. */
class Reader {
  readonly texts = new Map<number, string | null>();
  cursor: string | undefined;
  readonly userId: string;
  readonly conversationId: string;

  constructor(userId: string, conversationId: string) {
    this.userId = userId;
    this.conversationId = conversationId;
  }

  async sync(limit?: number): Promise<SyncResult['conversations'][number]> {
    const cursors = this.cursor === undefined ? {} : { [this.conversationId]: this.cursor };
    const body = { cursors, ...(limit !== undefined && { limit }) };
    const result = await sync(chat.ctx, { userId: this.userId, body, traceId: 't' });
    const page = result.conversations.find((c) => c.conversationId === this.conversationId);
    if (!page) throw new Error('the conversation did not come');
    for (const message of [...page.messages, ...page.changes]) this.texts.set(message.seq, message.text);
    this.cursor = page.cursor;
    return page;
  }
}

let people = 0;
async function conversation() {
  const [alice, bob] = [`alice${++people}`, `bob${people}`];
  const { conversation } = await chat.store.conversations.createDirect([alice, bob], new Date());
  await chat.store.memberships.ensure(conversation.id, [alice, bob], 0);
  const send = (text: string, clientMessageId?: string) =>
    sendMessage(chat.ctx, {
      senderId: alice,
      body: { conversationId: conversation.id, text, ...(clientMessageId && { clientMessageId }) },
      traceId: 't',
    });
  return { id: conversation.id, alice, bob, send, reader: new Reader(bob, conversation.id) };
}

describe('a cursor never passes a write in flight', () => {
  test('a message that took its seq and is not stored holds the page back, and comes once it is', async () => {
    const { send, reader } = await conversation();
    await send('one');
    await reader.sync();
    const hold = chat.hold('seq-taken');
    const slow = send('two');
    await hold.reached;
    await send('three');

    const during = await reader.sync();
    expect(during.verdict).toBe('truncated');
    expect(during.retryAfter).toBeGreaterThan(0);
    expect([...reader.texts.keys()]).toEqual([1]);

    hold.release();
    await slow;
    const after = await reader.sync();
    expect(after.verdict).toBe('complete');
    expect([...reader.texts]).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ]);
  });

  test('a deletion that is marked and not numbered comes, and comes again once it is numbered', async () => {
    const { send, reader, alice } = await conversation();
    const first = await send('one');
    await reader.sync();
    const hold = chat.hold('change-marked');
    const slow = deleteMessage(chat.ctx, { userId: alice, messageId: first._id, forEveryone: true, traceId: 't' });
    await hold.reached;
    await reader.sync();
    hold.release();
    await slow;
    await reader.sync();
    expect(reader.texts.get(1)).toBeNull();
  });

  test('a deletion that took its number and is not stamped is not passed by the cursor that knows the number', async () => {
    const { send, reader, alice } = await conversation();
    const first = await send('one');
    await reader.sync();
    const hold = chat.hold('change-numbered');
    const slow = deleteMessage(chat.ctx, { userId: alice, messageId: first._id, forEveryone: true, traceId: 't' });
    await hold.reached;
    const during = await reader.sync();
    expect(during.cursor.split('.')[1]).toBe('1');
    expect(reader.texts.get(1)).toBeNull();
    hold.release();
    await slow;
  });

  test('two changes of one message at once: neither writer removes the mark of the other', async () => {
    const { send, reader, alice, bob } = await conversation();
    const first = await send('one');
    await reader.sync();
    const holdEveryone = chat.hold('change-numbered');
    const everyone = deleteMessage(chat.ctx, { userId: alice, messageId: first._id, forEveryone: true, traceId: 't' });
    await holdEveryone.reached;
    await deleteMessage(chat.ctx, { userId: bob, messageId: first._id, forEveryone: false, traceId: 't' });
    expect((await chat.store.messages.marked(first.conversationId, 1, 10)).length).toBe(1);
    holdEveryone.release();
    await everyone;
    expect(await chat.store.messages.marked(first.conversationId, 1, 10)).toEqual([]);
    const page = await reader.sync();
    expect(page.hidden).toEqual([first._id]);
  });
});

describe('every page says what it is', () => {
  test('a large backlog comes in bounded pages, each message once and in order', async () => {
    const { send, reader } = await conversation();
    await send('0');
    await reader.sync();
    for (let i = 1; i <= 25; i++) await send(String(i));
    const verdicts: string[] = [];
    for (let i = 0; i < 10; i++) {
      const page = await reader.sync(10);
      expect(page.messages.length).toBeLessThanOrEqual(10);
      verdicts.push(page.verdict);
      if (page.verdict === 'complete') break;
    }
    expect(verdicts).toEqual(['truncated', 'truncated', 'complete']);
    expect([...reader.texts.values()]).toEqual(Array.from({ length: 26 }, (_, i) => String(i)));
  });

  test('many changes come in bounded pages, none is passed', async () => {
    const { send, reader, alice } = await conversation();
    const sent = [];
    for (let i = 1; i <= 12; i++) sent.push(await send(String(i)));
    await reader.sync();
    for (const message of sent) {
      await deleteMessage(chat.ctx, { userId: alice, messageId: message._id, forEveryone: true, traceId: 't' });
    }
    const first = await reader.sync(5);
    expect(first.verdict).toBe('truncated');
    expect(first.changes).toHaveLength(5);
    await reader.sync(5);
    const last = await reader.sync(5);
    expect(last.verdict).toBe('complete');
    expect([...reader.texts.values()].every((text) => text === null)).toBe(true);
  });

  test('a cursor ahead of the store is told to begin again', async () => {
    const { send, reader } = await conversation();
    await send('one');
    reader.cursor = '99.0.0';
    const page = await reader.sync();
    expect(page.verdict).toBe('reset');
    expect(page.cursor.startsWith('1.')).toBe(true);
    expect(page.conversation?._id).toBe(reader.conversationId);
  });

  test('watermarks come where they moved, and only there', async () => {
    const { id, send, alice, bob } = await conversation();
    await send('one');
    const writer = new Reader(alice, id);
    await writer.sync();
    expect((await writer.sync()).watermarks).toEqual([]);
    await chat.store.memberships.raiseRead(id, bob, 1);
    const page = await writer.sync();
    expect(page.watermarks).toContainEqual({ userId: bob, deliveredSeq: 1, readSeq: 1 });
    expect(page.messages).toEqual([]);
  });

  test('a conversation that the caller left, and one that never was, are named alike', async () => {
    const { id, bob } = await conversation();
    const unknown = 'a'.repeat(24);
    const result = await sync(chat.ctx, {
      userId: `${bob}x`,
      body: { cursors: { [id]: '0.0.0', [unknown]: '0.0.0' } },
      traceId: 't',
    });
    expect(result).toEqual({ conversations: [], left: [id, unknown], more: false });
  });
});

describe('a first page', () => {
  /** Messages 1 to `messages`, and then seqs that were given up. */
  async function withVoids(messages: number, voids: number) {
    const { id, alice, bob, send, reader } = await conversation();
    for (let i = 1; i <= messages; i++) await send(`${i}`);
    const { conversations } = chat.store;
    for (let seq = messages + 1; seq <= messages + voids; seq++) {
      const preview = {
        messageId: chat.ctx.ids.objectId(),
        senderId: alice,
        text: 'gone',
        messageType: 'text' as const,
      };
      const taken = await conversations.takeSeq(id, alice, { ...preview, createdAt: new Date(), deletedAt: null });
      await voidSeq(chat.ctx, id, taken?.seq ?? 0, preview.messageId);
    }
    return { id, alice, bob, send, reader };
  }
  const seqsOf = ({ messages }: { messages: { seq: number }[] }) => messages.map(({ seq }) => seq);

  test('has the newest messages where the newest seqs are voids, and goes on after those', async () => {
    const { send, reader } = await withVoids(4, 6);
    const first = await reader.sync(5);
    expect(seqsOf(first)).toEqual([1, 2, 3, 4]);
    expect(first.cursor).toMatch(/^10\.0\./);
    await send('eleven');
    expect(seqsOf(await reader.sync(5))).toEqual([11]);
  });

  test('is filled up to its length, in order, also after a reset', async () => {
    const { reader, send } = await withVoids(5, 2);
    await send('eight');
    reader.cursor = '999.0.0';
    expect(await reader.sync(4)).toMatchObject({ verdict: 'reset', messages: [3, 4, 5, 8].map((seq) => ({ seq })) });
  });

  test('leaves out what its reader deleted for themselves, and what is older than their joining', async () => {
    const { id, bob, reader } = await withVoids(4, 3);
    const [third] = await chat.store.messages.range(id, 2, 3, 1);
    await deleteMessage(chat.ctx, { userId: bob, messageId: third?.id ?? '', forEveryone: false, traceId: 't' });
    expect(seqsOf(await reader.sync(3))).toEqual([1, 2, 4]);
    const { db } = chat.store;
    await db.collection('memberships').updateOne({ userId: bob }, { $set: { joinedSeq: 1 } });
    reader.cursor = undefined;
    expect(seqsOf(await reader.sync(3))).toEqual([2, 4]);
  });
});
