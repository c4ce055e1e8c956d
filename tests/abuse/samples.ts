import type { ClientEventName, RouteName } from '@confab/contracts';
import type { RouteArguments } from './walk/route-probes.ts';

/** Ids that the caller may use. */
export interface Own {
  userId: string;
  otherId: string;
  conversationId: string;
  groupId: string;
  messageId: string;
}

/** One legal call of each route: what attacks begin from. */
export function legalCalls(own: Own): Record<RouteName, RouteArguments> {
  const { conversationId, groupId, messageId, otherId } = own;
  return {
    listConversations: { query: { limit: '10' } },
    openConversation: { params: { participantId: otherId } },
    createGroup: { body: { participants: [otherId], name: 'group' } },
    addMembers: { params: { conversationId: groupId }, body: { userIds: [otherId] } },
    removeMember: { params: { conversationId: groupId, userId: otherId } },
    membership: { params: { conversationId } },
    listMessages: { params: { conversationId }, query: { page: '1', limit: '10' } },
    getMessage: { params: { messageId } },
    sendMessage: {
      body: {
        conversationId,
        text: 'hello',
        media: [{ url: 'https://example.com/a.png', type: 'image', filename: 'a.png', size: 10 }],
        messageType: 'image',
        replyTo: messageId,
        clientMessageId: 'legal',
      },
    },
    sendMessages: {
      body: { items: [{ token: 'a.b.c', address: '192.0.2.1', body: { conversationId, text: 'hello' } }] },
    },
    deleteMessage: { params: { messageId: 'f'.repeat(24) }, body: { deleteForEveryone: false } },
    markRead: { body: { conversationId, messageIds: [messageId] } },
    unreadCount: {},
    sync: { body: { cursors: { [conversationId]: '0.0.0' }, limit: 10 } },
    mediaConfig: {},
    createUpload: { body: { filename: 'a.png', contentType: 'image/png', size: 10, conversationId } },
    completeUpload: { params: { mediaId: 'f'.repeat(24) } },
    putUser: { params: { id: otherId }, body: { name: 'name' } },
    putUsers: { body: { users: [{ _id: otherId, name: 'name' }] } },
    revoke: { body: { userId: 'nobody-at-all' } },
  };
}

/** One legal payload of each event. */
export function legalEvents(own: Own): Record<ClientEventName, Record<string, unknown>> {
  const { conversationId, messageId } = own;
  return {
    'join:conversation': { conversationId },
    'leave:conversation': { conversationId },
    'send:message': legalCalls(own).sendMessage.body ?? {},
    'typing:start': { conversationId },
    'typing:stop': { conversationId },
    'message:read': { conversationId, messageIds: [messageId] },
  };
}
