import { ObjectId } from 'mongodb';
import type { Collections } from './collections.ts';
import { type MessageDoc, oid } from './documents.ts';
import { isDuplicateKey } from './failures.ts';

/**
 * Fills a seq whose message will never come.
 * @returns false if the seq has a row already
 */
export async function fillVoid(
  messages: Collections['messages'],
  conversationId: string,
  seq: number,
  now: Date,
): Promise<boolean> {
  try {
    await messages.insertOne(voidRecord(conversationId, seq, now));
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}

function voidRecord(conversationId: string, seq: number, now: Date): MessageDoc {
  return {
    _id: new ObjectId(),
    conversationId: oid(conversationId),
    seq,
    senderId: '',
    text: null,
    media: [],
    messageType: 'text',
    replyTo: null,
    deletedAt: null,
    void: true,
    createdAt: now,
    updatedAt: now,
  };
}
