import type { Load } from '../load.ts';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';
import { readHistory } from './history.ts';

interface ListedConversation {
  _id: string;
  unreadCount: number;
  readSeq: number;
}

/** Invariant D: every unread count equals a recount from history, and no read that was promised has been forgotten. */
export async function wrongUnreadCounts(rig: Rig, load: Load): Promise<string[]> {
  const problems: string[] = [];
  for (const { id, members } of load.conversations) {
    const found = await Promise.all(members.map((userId) => checkMember(rig, load, userId, id)));
    problems.push(...found.flat());
  }
  return problems;
}

async function checkMember(rig: Rig, load: Load, userId: string, conversationId: string): Promise<string[]> {
  const caller = rig.caller(userId);
  const list: ListedConversation[] = (await insist(caller, 'GET', '/api/chat/conversations')).data;
  const total: number = (await insist(caller, 'GET', '/api/chat/unread-count')).data.unreadCount;
  const own = list.find(({ _id }) => _id === conversationId);
  if (!own) return [`${userId} does not see ${conversationId} in the list`];
  const history = await readHistory(rig, conversationId, userId);
  const recount = history.filter(
    ({ seq, senderId, deletedAt }) => seq > own.readSeq && senderId._id !== userId && deletedAt === null,
  ).length;
  const problems: string[] = [];
  if (own.unreadCount !== recount) problems.push(`${userId} is shown ${own.unreadCount} unread, there are ${recount}`);
  const sum = list.reduce((all, { unreadCount }) => all + unreadCount, 0);
  if (total !== sum) problems.push(`unread-count of ${userId} is ${total}, the list adds up to ${sum}`);
  const promised = load.readPromises.get(`${conversationId} ${userId}`) ?? 0;
  if (own.readSeq < promised) problems.push(`${userId} has read up to ${promised}, ${own.readSeq} is left of it`);
  return problems;
}
