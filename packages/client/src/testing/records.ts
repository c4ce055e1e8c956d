import type { Conversation, Message, Participant, SyncConversation } from '@confab/contracts';
import type { OutboxItem } from '../outbox.ts';

export const CONVERSATION = 'c'.repeat(24);

/** A JWT in form, of a user; nobody checks it here. */
export function tokenOf(userId: string, serial = 0): string {
  const payload = Buffer.from(JSON.stringify({ sub: userId, serial })).toString('base64url');
  return `e30.${payload}.signature`;
}

export function participant(id: string): Participant {
  return { _id: id, firstName: id, lastName: '', name: id, profileImage: null, isOnline: false, lastSeen: null };
}

export function message(seq: number, senderId: string, fields: Partial<Message> = {}): Message {
  const at = new Date(Date.UTC(2024, 0, 1) + seq * 1000).toISOString();
  const { isOnline: _, lastSeen: __, ...sender } = participant(senderId);
  return {
    _id: seq.toString(16).padStart(24, '0'),
    conversationId: CONVERSATION,
    seq,
    changeSeq: 0,
    senderId: sender,
    text: `message ${seq}`,
    media: [],
    messageType: 'text',
    status: 'sent',
    replyTo: null,
    deletedAt: null,
    createdAt: at,
    updatedAt: at,
    ...fields,
  };
}

export function conversation(seq: number, fields: Partial<Conversation> = {}): Conversation {
  const at = new Date(Date.UTC(2024, 0, 1)).toISOString();
  return {
    _id: CONVERSATION,
    participants: [participant('ana'), participant('ben')],
    isGroup: false,
    name: null,
    seq,
    unreadCount: 0,
    readSeq: 0,
    lastMessage: null,
    lastMessageAt: at,
    createdAt: at,
    updatedAt: at,
    ...fields,
  };
}

export function synced(cursor: string, fields: Partial<SyncConversation> = {}): SyncConversation {
  return {
    conversationId: CONVERSATION,
    verdict: 'complete',
    cursor,
    messages: [],
    changes: [],
    hidden: [],
    watermarks: [],
    ...fields,
  };
}

export function outboxItem(id: string, conversationId = CONVERSATION): OutboxItem {
  return {
    ...{ clientMessageId: id, conversationId, text: id, media: [], messageType: 'text', replyTo: null },
    ...{ createdAt: '2024-01-01T00:00:00.000Z', state: 'queued' },
  };
}
