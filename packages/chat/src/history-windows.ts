import type { ConversationRepository, HistoryQuery, MessageRepository } from './ports/repositories.ts';

/** Conversations whose seq is remembered. Source: 50,000 of about 100 bytes are 5 MB. */
const CAPACITY = 50_000;
/**
 * Rows that a window has beyond those asked for, and one more for each so many of them: for voids, and what the reader deleted for themselves. Where there are more of
 * these, the page is read a second time.
 */
const SPARE = 10;
const SPARE_OF = 10;

interface Repositories {
  conversations: ConversationRepository;
  messages: MessageRepository;
}

/**
 * Pages of a history are asked for by a range of seqs that is hardly longer than the page: seqs are dense, so it is known where a page must be. A server that does
 * not walk an index in the order of its sort reads, and sorts, all that the range holds: on DocumentDB a page of 50 of 2,000 messages took 9.9 ms, and 2.9 in
 * such a window. Where the newest messages are is remembered from what the conversation was read or written for before; a seq that is too old, or that a failover took
 * back, makes the window too long, or too short for the page, which is then read without one.
 */
export function readingInWindows({ conversations, messages }: Repositories): Repositories {
  const seqs = new Map<string, number>();
  const note = (id: string, seq: number) => {
    if (seqs.get(id) === seq) return;
    seqs.delete(id);
    seqs.set(id, seq);
    if (seqs.size > CAPACITY) seqs.delete(seqs.keys().next().value as string);
  };

  return {
    conversations: {
      ...conversations,
      async findFor(userId, id) {
        const found = await conversations.findFor(userId, id);
        if (found) note(id, found.seq);
        return found;
      },
      async openHistory(query) {
        const window = windowOf(query, seqs.get(query.conversationId));
        const opened = await conversations.openHistory(window ?? query);
        if (!opened) return null;
        note(query.conversationId, opened.conversation.seq);
        if (!window || opened.messages.length === query.limit) return opened;
        return { ...opened, messages: await messages.history(query) };
      },
      async listFor(userId, page) {
        const list = await conversations.listFor(userId, page);
        for (const { id, seq } of list) note(id, seq);
        return list;
      },
      async takeSeq(id, senderId, preview) {
        const taken = await conversations.takeSeq(id, senderId, preview);
        if (taken) note(id, taken.seq);
        return taken;
      },
    },
    messages: {
      ...messages,
      async history(query) {
        const window = windowOf(query, seqs.get(query.conversationId));
        if (window) {
          const rows = await messages.history(window);
          if (rows.length === query.limit) return rows;
        }
        return messages.history(query);
      },
    },
  };
}

/**
 * The range that a page should be in.
 * @param seq of a message that is there, the newest that is known
 * @returns undefined where that is not known, or is no shorter than what is asked for
 */
export function windowOf(query: HistoryQuery, seq: number | undefined): HistoryQuery | undefined {
  const { aboveSeq, belowSeq, order, skip, limit } = query;
  const length = skip + limit + Math.ceil((skip + limit) / SPARE_OF) + SPARE;
  if (order === 'oldest-first') {
    const end = aboveSeq + length + 1;
    return end <= (seq ?? 0) && end < (belowSeq ?? Number.POSITIVE_INFINITY) ? { ...query, belowSeq: end } : undefined;
  }
  const newest = Math.min(seq ?? Number.POSITIVE_INFINITY, (belowSeq ?? Number.POSITIVE_INFINITY) - 1);
  const start = newest - length;
  return Number.isFinite(newest) && start > aboveSeq ? { ...query, aboveSeq: start } : undefined;
}
