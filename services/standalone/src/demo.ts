import type { ChatStore } from '@confab/chat';
import { createSigner } from 'fast-jwt';

export interface DemoUser {
  _id: string;
  name: string;
  token: string;
}

export interface Demo {
  users: DemoUser[];
  /** A conversation of the first two, so that the first message needs one call. */
  conversationId: string;
}

const PEOPLE = [
  { id: 'alice', firstName: 'Alice', lastName: 'Example' },
  { id: 'bob', firstName: 'Bob', lastName: 'Example' },
  { id: 'carol', firstName: 'Carol', lastName: 'Example' },
] as const;

/** Milliseconds that a demo token is good for: a week of trying it out. */
const TOKEN_LIFE_MS = 7 * 24 * 3_600_000;

/** Three people with tokens, and a conversation of two of them; calling it again finds the same. */
export async function prepareDemo(store: ChatStore, secret: string, userClaim: string): Promise<Demo> {
  const sign = createSigner({ key: secret, algorithm: 'HS256', expiresIn: TOKEN_LIFE_MS });
  await store.users.put(PEOPLE.map(({ id, firstName, lastName }) => ({ id, profile: { firstName, lastName } })));
  const pair: [string, string] = [PEOPLE[0].id, PEOPLE[1].id];
  const { conversation, created } = await store.conversations.createDirect(pair, new Date());
  if (created) await store.memberships.ensure(conversation.id, pair, 0);
  return {
    conversationId: conversation.id,
    users: PEOPLE.map(({ id, firstName, lastName }) => ({
      _id: id,
      name: `${firstName} ${lastName}`,
      token: sign({ [userClaim]: id, firstName, lastName }),
    })),
  };
}

/** What a person needs to begin. */
export function welcome(url: string, demo: Demo | undefined): string {
  if (!demo) return `Confab is ready at ${url}\n`;
  const tokens = demo.users.map((user) => `  ${user.name.padEnd(14)} ${user.token}`).join('\n');
  return `Confab is ready at ${url}

Three demo users and their tokens:
${tokens}

Send a message from Alice to Bob:
  curl -X POST ${url}/api/chat/message -H 'Content-Type: application/json' -H 'Authorization: Bearer ${demo.users[0]?.token}' -d '{"conversationId":"${demo.conversationId}","text":"Hello, Bob!"}'
`;
}
