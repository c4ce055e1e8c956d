import { ChatError, type Conversation, limits } from '@confab/contracts';
import { conversationFor } from './access.ts';
import { changeMark } from './change-marks.ts';
import type { ChatContext } from './context.ts';
import { describeConversation } from './list-conversations.ts';
import type { StoredConversation } from './model.ts';
import { requireKnown } from './open-conversation.ts';
import type { Ids } from './ports/environment.ts';
import { feedEvent, outbound, publishOrLeaveToSync } from './publish.ts';

interface MemberChange {
  userId: string;
  conversationId: string;
  traceId: string;
}

/**
 * Adds users to a group; they see what comes after.
 * @throws ChatError NOT_FOUND, FORBIDDEN (not a group, or the caller is not its owner), VALIDATION_FAILED (too many)
 */
export async function addMembers(
  ctx: ChatContext,
  request: MemberChange & { userIds: readonly string[] },
): Promise<Conversation> {
  const conversation = await ownedGroup(ctx, request);
  const added = [...new Set(request.userIds)].filter((id) => !conversation.participants.includes(id));
  if (!hasRoom(conversation, added)) throw tooMany();
  if (added.length === 0) return describeConversation(ctx, request.userId, conversation);
  await requireKnown(ctx, added);
  const changed = await finishAdding(ctx, conversation.id, added, newMark(ctx));
  if (!changed) throw tooMany();
  await announceMembers(ctx, changed, { change: 'member-added', userIds: added, traceId: request.traceId });
  return describeConversation(ctx, request.userId, changed);
}

const hasRoom = ({ participants }: StoredConversation, joining: readonly string[]): boolean =>
  participants.length + joining.length <= limits.groupParticipants;

function tooMany(): ChatError {
  const reason = `a group has at most ${limits.groupParticipants} participants`;
  return new ChatError('VALIDATION_FAILED', { field: 'userIds', reason });
}

/**
 * Removes a member, or the caller themselves. Where the owner leaves, the next participant owns the group: else nobody could change its members again.
 * @throws ChatError NOT_FOUND (conversation, or no such member), FORBIDDEN (not a group, or removing others without owning it)
 */
export async function removeMember(ctx: ChatContext, request: MemberChange & { memberId: string }): Promise<void> {
  const leaving = request.memberId === request.userId;
  const conversation = leaving ? await group(ctx, request) : await ownedGroup(ctx, request);
  if (!conversation.participants.includes(request.memberId)) throw new ChatError('NOT_FOUND');
  const mark = newMark(ctx);
  await ctx.store.memberships.leave(conversation.id, request.memberId, mark);
  const changed = await finishRemoving(ctx, conversation.id, request.memberId, mark);
  // To the members after it, not to those of before: somebody else may have gone meanwhile.
  await announceMembers(ctx, changed ?? { ...conversation, participants: [] }, {
    change: 'member-removed',
    userIds: [request.memberId],
    traceId: request.traceId,
  });
}

/**
 * Lets users in, then numbers and stamps the change. Repeating it does no harm.
 * @returns the group with them; null if it has no room for them, and then none of them was let in
 * @throws ChatError NOT_FOUND if there is no such group
 */
export async function finishAdding(
  ctx: Pick<ChatContext, 'store' | 'clock'>,
  conversationId: string,
  userIds: string[],
  mark: string,
): Promise<StoredConversation | null> {
  const changed = await letIn(ctx, conversationId, userIds, mark);
  const { conversations, memberships } = ctx.store;
  await memberships.stamp(conversationId, userIds, mark, await conversations.takeChangeSeq(conversationId));
  return changed;
}

/** Times that a message may come between the rows and the participants. More in a row: then they see the last of them too. */
const JOIN_ATTEMPTS = 20;

/**
 * The rows first, marked: if we crash before the participants change, the worker finds the mark and finishes it. Rows and participants
 * change at the same seq: else a message between the two would have a reader more, and a status that goes back. And they change while as many
 * take part as there was room beside, also at the last attempt: of two additions at once each would find room for itself.
 */
async function letIn(
  ctx: Pick<ChatContext, 'store' | 'clock'>,
  conversationId: string,
  userIds: string[],
  mark: string,
): Promise<StoredConversation | null> {
  const { conversations, memberships } = ctx.store;
  for (let attempt = 1; ; attempt++) {
    const [conversation] = await conversations.findByIds([conversationId]);
    if (!conversation?.isGroup) throw new ChatError('NOT_FOUND');
    const joining = userIds.filter((id) => !conversation.participants.includes(id));
    if (joining.length === 0) return conversation;
    if (!hasRoom(conversation, joining)) {
      // There was room at an earlier attempt, or before the writer died whose change this is: their rows are there.
      await memberships.takeBack(conversationId, joining, mark);
      return null;
    }
    await memberships.ensure(conversationId, joining, conversation.seq, mark);
    const { participants, seq } = conversation;
    const asRead = { size: participants.length, ...(attempt < JOIN_ATTEMPTS && { seq }) };
    const changed = await conversations.addParticipants(conversationId, joining, new Date(ctx.clock.now()), asRead);
    if (changed) return changed;
  }
}

/**
 * Takes the user out, then numbers and stamps the change. Repeating it does no harm.
 * @returns the conversation without them; null if there is no such group
 */
export async function finishRemoving(
  ctx: Pick<ChatContext, 'store' | 'clock'>,
  conversationId: string,
  userId: string,
  mark: string,
) {
  const { conversations, memberships } = ctx.store;
  const changed = await conversations.removeParticipant(conversationId, userId, new Date(ctx.clock.now()));
  await memberships.stamp(conversationId, [userId], mark, await conversations.takeChangeSeq(conversationId));
  return changed;
}

const newMark = (ctx: ChatContext): string => changeMark(new Date(ctx.clock.now()), ctx.ids.token());

async function group(ctx: ChatContext, request: MemberChange): Promise<StoredConversation> {
  const conversation = await conversationFor(ctx, request.userId, request.conversationId);
  if (!conversation.isGroup)
    throw new ChatError('FORBIDDEN', { reason: 'a conversation of two has no members to change' });
  return conversation;
}

async function ownedGroup(ctx: ChatContext, request: MemberChange): Promise<StoredConversation> {
  const conversation = await group(ctx, request);
  if (conversation.ownerId !== request.userId)
    throw new ChatError('FORBIDDEN', { reason: 'only the owner changes the members' });
  return conversation;
}

/** Tells the members, those who came or went too. */
export async function announceMembers(
  ctx: Pick<ChatContext, 'publisher' | 'feed' | 'log' | 'clock'> & { ids: Pick<Ids, 'token'> },
  conversation: StoredConversation,
  what: { change: 'member-added' | 'member-removed'; userIds: string[]; traceId: string },
): Promise<void> {
  const { change, userIds, traceId } = what;
  const conversationId = conversation.id;
  const event = outbound(
    'conversation:updated',
    { conversationId, change, userIds },
    { traceId, conversationId, userIds },
  );
  const type = change === 'member-added' ? 'members.added' : 'members.removed';
  const feed = feedEvent(type, {
    id: ctx.ids.token(),
    at: ctx.clock.now(),
    traceId,
    conversationId,
    data: { userIds },
  });
  const recipients = [...new Set([...conversation.participants, ...userIds])];
  await publishOrLeaveToSync(ctx, event, recipients, feed);
}
