import {
  addMembers,
  conversationFor,
  createGroup,
  listConversations,
  openConversation,
  removeMember,
} from '@confab/chat';
import { type Handlers, ok } from './types.ts';

export const conversationHandlers = {
  listConversations: async (ctx, { identity, query }) => {
    const { conversations, nextCursor } = await listConversations(ctx, identity.userId, query);
    return { ...ok(conversations), ...(nextCursor !== undefined && { nextCursor }) };
  },
  openConversation: async (ctx, { identity, params, traceId }) =>
    ok(await openConversation(ctx, { userId: identity.userId, participantId: params.participantId, traceId })),
  createGroup: async (ctx, { identity, body, traceId }) =>
    ok(await createGroup(ctx, { userId: identity.userId, participants: body.participants, name: body.name, traceId })),
  addMembers: async (ctx, { identity, params, body, traceId }) =>
    ok(await addMembers(ctx, { userId: identity.userId, ...params, userIds: body.userIds, traceId })),
  removeMember: async (ctx, { identity, params, traceId }) => {
    const { conversationId, userId } = params;
    await removeMember(ctx, { userId: identity.userId, conversationId, memberId: userId, traceId });
    return ok({ conversationId, userId });
  },
  membership: async (ctx, { identity, params }) => {
    const { id, participants, isGroup } = await conversationFor(ctx, identity.userId, params.conversationId);
    return ok({ conversationId: id, participants, isGroup });
  },
} satisfies Partial<Handlers>;
