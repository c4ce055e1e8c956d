import type { ChatConversation } from '@confab/client/react';
import type { DemoUser } from '../demo-users.ts';

export interface Person {
  id: string;
  name: string;
}

const plain = (text: string) =>
  text
    .normalize('NFKD')
    .replace(/\p{Diacritic}/gu, '')
    .toLocaleLowerCase();

/** Conversations whose title, members or last message have every word of the query. Accents and case do not matter. */
export function matching(conversations: readonly ChatConversation[], query: string): readonly ChatConversation[] {
  const words = plain(query).split(/\s+/).filter(Boolean);
  if (words.length === 0) return conversations;
  return conversations.filter((conversation) => {
    const names = conversation.others.map((other) => other.name).join(' ');
    const text = plain(`${conversation.title} ${names} ${conversation.lastMessage?.text ?? ''}`);
    return words.every((word) => text.includes(word));
  });
}

/** Whom a chat can be started with: demo users without one yet; without demo users, whoever has the id that was typed. */
export function peopleToStart(
  users: DemoUser[] | null,
  conversations: readonly ChatConversation[],
  me: string,
  query: string,
): Person[] {
  const known = new Set([
    me,
    ...conversations.flatMap(({ isGroup, others }) => (isGroup ? [] : others.map((o) => o._id))),
  ]);
  const text = plain(query.trim());
  if (!users) return text === '' || known.has(query.trim()) ? [] : [{ id: query.trim(), name: query.trim() }];
  return users
    .filter((user) => !known.has(user._id) && (plain(user.name).includes(text) || user._id === query.trim()))
    .map((user) => ({ id: user._id, name: user.name }));
}
