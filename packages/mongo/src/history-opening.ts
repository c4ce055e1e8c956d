import type { HistoryQuery, OpenedHistory } from '@confab/chat';
import { type Document, type Filter, MongoServerError } from 'mongodb';
import type { Collections } from './collections.ts';
import {
  type ConversationDoc,
  type MembershipDoc,
  type MessageDoc,
  oid,
  toConversation,
  toMembership,
  toMessage,
} from './documents.ts';
import { guarded } from './failures.ts';
import { aggregateRows, findRow, findRows } from './plain-reads.ts';

type Opened = ConversationDoc & { members: MembershipDoc[]; messages: MessageDoc[] };

/** Messages that the viewer sees, within the bounds of the query. */
export function historyFilter({ conversationId, viewer, aboveSeq, belowSeq }: HistoryQuery): Filter<MessageDoc> {
  const seq = { $gt: aboveSeq, ...(belowSeq !== undefined && { $lt: belowSeq }) };
  return { conversationId: oid(conversationId), seq, void: { $exists: false }, deletedFor: { $ne: viewer } };
}

export const historySort = ({ order }: HistoryQuery) => ({ seq: order === 'newest-first' ? -1 : 1 }) as const;

/**
 * Reads what a page of history is made of by one command. Three beside each other are three processes of the server, and as many answers that ours wakes for:
 * the slowest of them says when the page is there. And of a conversation that the viewer is not in nothing more is read than that.
 */
export function createHistoryOpening({ db, conversations, memberships, messages }: Collections) {
  const together = async (query: HistoryQuery): Promise<Opened | undefined> => {
    const [opened] = await aggregateRows<Opened>(db, conversations, pipelineOf(query, { memberships, messages }));
    return opened;
  };

  const oneByOne = async (query: HistoryQuery): Promise<Opened | undefined> => {
    const { conversationId, viewer, skip, limit } = query;
    const conversation = await findRow(db, conversations, accessFilter(conversationId, viewer));
    if (!conversation) return undefined;
    const [members, page] = await Promise.all([
      findRows(db, memberships, { conversationId: oid(conversationId) }),
      findRows(db, messages, historyFilter(query), { sort: historySort(query), skip, limit }),
    ]);
    return { ...conversation, members, messages: page };
  };

  const read = async (query: HistoryQuery): Promise<Opened | undefined> => {
    try {
      return await guarded(() => together(query));
    } catch (error) {
      // The longest messages on the longest page do not fit into one document (16 MB), and not every server joins.
      if (error instanceof MongoServerError) return guarded(() => oneByOne(query));
      throw error;
    }
  };

  return async (query: HistoryQuery): Promise<OpenedHistory | null> => {
    const opened = await read(query);
    if (!opened) return null;
    return {
      conversation: toConversation(opened),
      members: opened.members.map(toMembership),
      messages: opened.messages.map(toMessage),
    };
  };
}

const accessFilter = (conversationId: string, viewer: string): Filter<ConversationDoc> => ({
  _id: oid(conversationId),
  participants: viewer,
});

function pipelineOf(
  query: HistoryQuery,
  { memberships, messages }: Pick<Collections, 'memberships' | 'messages'>,
): Document[] {
  const { conversationId, viewer, skip, limit } = query;
  const page = [
    { $match: historyFilter(query) },
    { $sort: historySort(query) },
    ...(skip > 0 ? [{ $skip: skip }] : []),
    { $limit: limit },
  ];
  // The id is known: a join by fields would be a plan for each, on servers that make one.
  const members = [{ $match: { conversationId: oid(conversationId) } }];
  return [
    { $match: accessFilter(conversationId, viewer) },
    { $lookup: { from: memberships.collectionName, pipeline: members, as: 'members' } },
    { $lookup: { from: messages.collectionName, pipeline: page, as: 'messages' } },
  ];
}
