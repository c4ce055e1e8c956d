import { describe, expect, it } from 'vitest';
import { ConversationState } from './conversation.ts';
import { conversation, message, participant, synced } from './testing/records.ts';

const seqs = (state: ConversationState) => state.timeline.messages.map((held) => held.seq);

const withMembers = (...ids: string[]) => ({ isGroup: true, participants: ids.map((id) => participant(id)) });

function opened(upTo: number): ConversationState {
  const state = new ConversationState('ana', conversation(upTo));
  const messages = Array.from({ length: upTo }, (_, index) => message(index + 1, 'ben'));
  state.applySync(synced(`${upTo}.0.0`, { messages }));
  return state;
}

describe('order and gaps', () => {
  it('orders by seq, whatever order messages come in, and keeps each once', () => {
    const state = opened(1);
    for (const seq of [4, 2, 3, 2, 4]) state.applyMessage(message(seq, 'ben'));
    expect(seqs(state)).toEqual([1, 2, 3, 4]);
  });

  it('sees a jump as a gap until what was missing is there', () => {
    const state = opened(41);
    state.applyMessage(message(43, 'ben'));
    expect(state.timeline.hasGap).toBe(true);
    expect(state.cursor()).toBe('41.0.0');
    state.applyMessage(message(42, 'ben'));
    expect(state.timeline.hasGap).toBe(false);
    expect(state.cursor()).toBe('43.0.0');
  });

  it('sees no gap where the server says that a seq is void', () => {
    const state = opened(41);
    state.applyMessage(message(43, 'ben'));
    state.applySync(synced('43.0.0', { messages: [message(43, 'ben')] }));
    expect(state.timeline.hasGap).toBe(false);
  });

  it('does not pass a message in flight: the first sync vouches for less than the list', () => {
    const state = new ConversationState('ana', conversation(10));
    state.applySync(synced('8.0.0', { verdict: 'truncated', messages: [message(7, 'ben'), message(8, 'ben')] }));
    expect(state.cursor()).toBe('8.0.0');
    expect(state.timeline.low).toBe(7);
  });

  it('drops what it holds at a reset and begins with the page', () => {
    const state = opened(3);
    state.applySync(synced('900.5.0', { verdict: 'reset', messages: [message(899, 'ben'), message(900, 'ben')] }));
    expect(seqs(state)).toEqual([899, 900]);
    expect(state.cursor()).toBe('900.5.0');
    expect(state.complete).toBe(false);
  });

  it('joins history on, and knows when it has all', () => {
    const state = new ConversationState('ana', conversation(5));
    state.applySync(synced('5.0.0', { messages: [message(4, 'ben'), message(5, 'ben')] }));
    state.applyHistory([message(2, 'ben'), message(3, 'ben')], 4, 2);
    expect([seqs(state), state.complete, state.timeline.low]).toEqual([[2, 3, 4, 5], false, 2]);
    state.applyHistory([message(1, 'ben')], 2, 2);
    expect([seqs(state), state.complete]).toEqual([[1, 2, 3, 4, 5], true]);
  });

  it('knows that it has all when a full page ends with the first message', () => {
    const state = new ConversationState('ana', conversation(4));
    state.applySync(synced('4.0.0', { messages: [message(3, 'ben'), message(4, 'ben')] }));
    state.applyHistory([message(1, 'ben'), message(2, 'ben')], 3, 2);
    expect([state.complete, state.timeline.low]).toEqual([true, 1]);
  });
});

describe('status', () => {
  it('follows the slowest of the others and never goes back', () => {
    const participants = ['ana', 'ben', 'cem'].map((id) => ({ ...conversation(1).participants[0]!, _id: id }));
    const state = new ConversationState('ana', conversation(5, { participants, isGroup: true }));
    state.applyRead('ben', 4);
    expect(state.everyone).toEqual({ deliveredSeq: 0, readSeq: 0 });
    state.applyRead('cem', 2);
    expect(state.everyone).toEqual({ deliveredSeq: 2, readSeq: 2 });
    state.applyDelivered(5);
    state.applyRead('cem', 1);
    expect(state.everyone).toEqual({ deliveredSeq: 5, readSeq: 2 });
  });

  it('keeps what was read when members change, or nobody else is left', () => {
    const state = new ConversationState('ana', conversation(5, withMembers('ana', 'ben')));
    state.applyRead('ben', 4);
    state.applyInfo(conversation(5, withMembers('ana', 'ben', 'cem')));
    expect(state.everyone.readSeq).toBe(4);
    state.applyRead('ben', 5);
    expect(state.everyone.readSeq).toBe(4);
    state.applyInfo(conversation(5, withMembers('ana')));
    expect(state.everyone).toEqual({ deliveredSeq: 4, readSeq: 4 });
  });
});

describe('deletions', () => {
  it('keeps a deletion when an older version of the message comes later', () => {
    const state = opened(2);
    state.applyDeleted(message(2, 'ben')._id, 2, 7, '2024-01-02T00:00:00.000Z');
    state.applySync(synced('2.0.0', { messages: [message(2, 'ben')] }));
    expect(state.timeline.messages[1]).toMatchObject({ text: null, changeSeq: 7 });
  });

  it('keeps a hidden message away', () => {
    const state = opened(2);
    state.hide(message(1, 'ben')._id);
    state.applyHistory([message(1, 'ben')], 2, 50);
    expect(seqs(state)).toEqual([2]);
  });
});

describe('letting go of old messages', () => {
  const from = (state: ConversationState, seq: number, upTo: number) => {
    for (let at = seq; at <= upTo; at++) state.applyMessage(message(at, 'ben'));
  };

  it('keeps the newest, and joins on to history again', () => {
    const state = opened(10);
    expect(state.complete).toBe(false);
    state.applyHistory([], 1, 50);
    expect(state.complete).toBe(true);
    state.trim(3);
    expect([seqs(state), state.timeline.low, state.complete]).toEqual([[8, 9, 10], 8, false]);
    expect([state.cursor(), state.timeline.find(message(7, 'ben')._id)]).toEqual(['10.0.0', undefined]);
    state.applyHistory([message(6, 'ben'), message(7, 'ben')], 8, 2);
    expect([seqs(state), state.timeline.low]).toEqual([[6, 7, 8, 9, 10], 6]);
  });

  it('does nothing where there is no more than that', () => {
    const state = opened(3);
    state.trim(3);
    expect([seqs(state), state.timeline.low]).toEqual([[1, 2, 3], 1]);
  });

  it('does not pass a hole: what is missing can still come', () => {
    const state = opened(3);
    from(state, 5, 10);
    state.trim(2);
    expect([seqs(state), state.timeline.low, state.timeline.hasGap]).toEqual([[5, 6, 7, 8, 9, 10], 4, true]);
    from(state, 4, 4);
    state.trim(2);
    expect([seqs(state), state.timeline.hasGap, state.unread]).toEqual([[9, 10], false, 10]);
  });

  it('counts unread messages that are gone, until they are read', () => {
    const state = opened(0);
    for (let at = 1; at <= 20; at++) {
      state.applyMessage(message(at, at % 4 === 0 ? 'ana' : 'ben'));
      state.trim(5);
    }
    expect([seqs(state).length, state.unread, state.unreadExact]).toEqual([5, 15, true]);
    state.applyRead('ana', 17);
    expect([state.unread, state.unreadExact]).toEqual([2, true]);
    from(state, 21, 30);
    state.trim(5);
    expect([state.unread, state.unreadExact]).toEqual([12, true]);
  });

  it('says that it does not know where part of what is gone was read, and believes the server then', () => {
    const state = opened(20);
    state.trim(5);
    state.applyRead('ana', 7);
    expect([state.unread, state.unreadExact]).toEqual([20, false]);
    from(state, 21, 30);
    state.trim(5);
    expect([state.unread, state.unreadExact]).toEqual([30, false]);
    state.applyInfo(conversation(30, { unreadCount: 23, readSeq: 7 }));
    expect([state.unread, state.unreadExact]).toEqual([23, true]);
  });

  it('counts on from what the server counted', () => {
    const state = new ConversationState('ana', conversation(100, { unreadCount: 60, readSeq: 40 }));
    state.applySync(synced('100.0.0', { messages: [99, 100].map((seq) => message(seq, 'ben')) }));
    from(state, 101, 110);
    state.trim(5);
    expect(state.unread).toBe(70);
    state.applyHistory(
      [104, 105].map((seq) => message(seq, 'ben')),
      106,
      2,
    );
    expect(state.applyDeleted(message(104, 'ben')._id, 104, 1, 'now')).toBe(true);
    expect(state.applyDeleted(message(90, 'ben')._id, 90, 2, 'now')).toBe(false);
    expect(state.unread).toBe(69);
  });
});

describe('unread', () => {
  const unread = (fields = {}) => {
    const state = new ConversationState('ana', conversation(10, { unreadCount: 4, readSeq: 6, ...fields }));
    const messages = [message(9, 'ben'), message(10, 'ben')];
    state.applySync(synced('10.0.0', { messages }));
    return state;
  };

  it('adds live messages of others to what the server counted, each once', () => {
    const state = unread();
    for (const seq of [11, 11, 12]) state.applyMessage(message(seq, 'ben'));
    state.applyMessage(message(13, 'ana'));
    expect(state.unread).toBe(6);
  });

  it('is zero once everything was read, and counts on from there', () => {
    const state = unread();
    state.applyRead('ana', 10);
    expect(state.unread).toBe(0);
    state.applyMessage(message(11, 'ben'));
    expect(state.unread).toBe(1);
  });

  it('counts what it holds when part was read', () => {
    const state = unread();
    state.applyRead('ana', 9);
    expect([state.unread, state.unreadExact]).toEqual([1, true]);
  });

  it('says that it does not know when part of what it does not hold was read', () => {
    const state = unread();
    state.applyRead('ana', 7);
    expect(state.unreadExact).toBe(false);
    state.applyInfo(conversation(10, { unreadCount: 3, readSeq: 7 }));
    expect([state.unread, state.unreadExact]).toEqual([3, true]);
  });

  it('loses a message that is deleted, held or not', () => {
    const state = unread();
    expect(state.applyDeleted(message(10, 'ben')._id, 10, 1, 'now')).toBe(true);
    expect(state.unread).toBe(3);
    expect(state.applyDeleted(message(8, 'ben')._id, 8, 2, 'now')).toBe(false);
  });

  it('counts a message that was being stored while the server counted, and one that was stored meanwhile once', () => {
    const state = new ConversationState('ana', conversation(5, { unreadCount: 4 }));
    const four = [1, 2, 3, 4].map((seq) => message(seq, 'ben'));
    state.applySync(
      synced('4.0.0', { verdict: 'truncated', messages: four, conversation: conversation(5, { unreadCount: 4 }) }),
    );
    expect(state.unread).toBe(4);
    state.applyMessage(message(5, 'ben'));
    expect(state.unread).toBe(5);
    state.applyInfo(conversation(5, { unreadCount: 6 }));
    state.applyMessage(message(6, 'ben'));
    expect(state.unread).toBe(6);
  });

  it('is not counted twice by a list that came after the live message', () => {
    const state = unread();
    state.applyMessage(message(11, 'ben'));
    state.applyInfo(conversation(11, { unreadCount: 5, readSeq: 6 }));
    expect(state.unread).toBe(5);
  });
});
