import { readHistory } from '../checks/history.ts';
import { StockClient } from '../clients/stock-client.ts';
import { duration, worst } from '../figures.ts';
import { askSocket, type WireMessage } from '../load.ts';
import { call } from '../rest.ts';
import type { FaultRow, Trial } from '../row.ts';

const AT_ONCE = 50;

/** What must be the same in every reply. The status is what it is at the moment, and may have moved on between two replies. */
interface Told {
  messageId: string;
  seq: number;
  text: string | null;
  createdAt: string;
  clientMessageId: string;
}

const told = ({ _id, seq, text, createdAt, clientMessageId }: WireMessage): Told => ({
  messageId: _id,
  seq,
  text,
  createdAt,
  clientMessageId,
});

export const sameClientId: FaultRow = {
  id: 22,
  name: 'same clientMessageId x 50 at once',
  injection: '20 over one api, 20 over the other, 10 over a socket',
  bar: '1 message, 50 equal replies',
  times: { full: 30, short: 6 },
  async run(trial) {
    const problems: string[] = [];
    const slowest: number[] = [];
    const conversation = trial.load.conversations[0];
    const userId = conversation?.members[0] ?? '';
    const conversations = conversation ? [conversation.id] : [];
    const device = new StockClient({ userId, caller: trial.rig.caller(userId), conversations });
    try {
      await device.opened();
      for (let round = 0; round < trial.times; round++) {
        const startedAt = performance.now();
        problems.push(...(await sendFifty(trial, device, conversations[0] ?? '', round)));
        slowest.push(performance.now() - startedAt);
      }
    } finally {
      device.close();
    }
    const figure = `${trial.times} x 50 sends gave ${trial.times} messages; 50 were answered within ${duration(worst(slowest))}`;
    return { injected: trial.times, figure, problems };
  },
};

async function sendFifty({ rig, load }: Trial, device: StockClient, conversationId: string, round: number) {
  const clientMessageId = `fifty-${round}`;
  const body = { conversationId, text: `fifty ${round}`, messageType: 'text', clientMessageId };
  const { userId } = device;
  load.ledger.begin({ clientMessageId, conversationId, senderId: userId, way: 'rest' });
  const replies = await Promise.all(
    Array.from({ length: AT_ONCE }, async (_, i): Promise<Told | string> => {
      if (i >= 40) {
        const ack = await askSocket(device, 'send:message', body);
        return ack.data ? told(ack.data.message) : ack.code;
      }
      const reply = await call(rig.caller(userId, rig.system.api[i % 2]?.url), 'POST', '/api/chat/message', body);
      return reply.code === '' ? told(reply.body.data) : reply.code;
    }),
  );
  for (const reply of replies) if (typeof reply !== 'string') load.ledger.acknowledge(clientMessageId, reply);
  const different = new Set(replies.map((reply) => JSON.stringify(reply)));
  const found = (await readHistory(rig, conversationId, userId)).filter((m) => m.clientMessageId === clientMessageId);
  const problems: string[] = [];
  if (different.size !== 1) problems.push(`${different.size} different replies: ${[...different].slice(0, 2)}`);
  if (found.length !== 1) problems.push(`${found.length} messages`);
  return problems;
}
