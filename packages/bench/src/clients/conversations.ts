import { request } from 'undici';
import { tokenOf } from './token.ts';

export interface Pair {
  conversationId: string;
  from: string;
  to: string;
}

/** Opens a conversation between `a<i>` and `b<i>` for every pair, as an application would. @throws Error if the api refuses */
export function openPairs(apiUrl: string, count: number): Promise<Pair[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const [from, to] = [`a${i}`, `b${i}`];
      const { body, statusCode } = await request(`${apiUrl}/api/chat/conversation/${to}`, {
        headers: { authorization: `Bearer ${tokenOf(from)}` },
      });
      const reply = (await body.json()) as { data?: { _id: string } };
      if (!reply.data) throw new Error(`no conversation: ${statusCode} ${JSON.stringify(reply)}`);
      return { conversationId: reply.data._id, from, to };
    }),
  );
}
