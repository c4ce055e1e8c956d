import { setTimeout as sleep } from 'node:timers/promises';
import { readHistory } from '../checks/history.ts';
import type { StockClient } from '../clients/stock-client.ts';
import { duration, worst } from '../figures.ts';
import { askSocket } from '../load.ts';
import { type Caller, call } from '../rest.ts';
import type { FaultRow, Trial } from '../row.ts';
import { someoneOnSocket, type Way, wayOf } from './ways.ts';

/** Commands of the driver as they go over the wire: name of the command, type and length, name of the collection. */
const INSERT_MESSAGE = /insert\0[\s\S]{4}messages\0/;
const TAKE_SEQ = /findAndModify\0[\s\S]{4}conversations\0/;
const KINDS = [
  { request: INSERT_MESSAGE, how: 'cut' },
  { request: INSERT_MESSAGE, how: 'swallow' },
  { request: TAKE_SEQ, how: 'cut' },
] as const;

/** A client that has waited for so long tries again, while its first try may still be under way. */
const PATIENCE_MS = 1_500;

export const unknownWriteResult: FaultRow = {
  id: 18,
  name: 'unknown write result',
  injection:
    'MongoDB’s reply is lost (insert: cut, insert: silence, seq: cut in turn); the client repeats with the same id; a third over REST, a third over a socket, a third over both at once',
  bar: 'one message, the same reply',
  times: { full: 30, short: 6 },
  proxies: { mongo: true },
  // Quiet: the reply that is lost is to be that of the send under test.
  load: { rate: 3 },
  async run(trial) {
    const problems: string[] = [];
    const settled: number[] = [];
    let lost = 0;
    for (let round = 0; round < trial.times; round++) {
      const result = await loseOne(trial, round);
      problems.push(...result.problems);
      settled.push(result.ms);
      lost += result.lost;
    }
    if (lost < trial.times) problems.push(`only ${lost} of ${trial.times} replies were lost`);
    return { injected: lost, figure: `settled within ${duration(worst(settled))}; each is one message`, problems };
  },
};

async function loseOne({ rig, load, random }: Trial, round: number) {
  const kind = KINDS[round % KINDS.length] as (typeof KINDS)[number];
  const { device, conversation } = someoneOnSocket(load, random);
  const { userId } = device;
  const clientMessageId = `unknown-${round}`;
  const way = wayOf(round, KINDS.length);
  load.ledger.begin({ clientMessageId, conversationId: conversation.id, senderId: userId, way });
  const body = { conversationId: conversation.id, text: `unknown ${round}`, messageType: 'text', clientMessageId };
  const send = () => sendOver(way, rig.caller(userId), device, body);

  const rule = rig.mongoProxy?.loseReplies({ ...kind, times: 1 });
  const startedAt = performance.now();
  const replies = [send()];
  await Promise.race([replies[0], sleep(PATIENCE_MS)]);
  replies.push(send());
  const answered = (await Promise.all(replies)).flat();
  while (answered.at(-1)?.code !== '' && performance.now() - startedAt < 20_000) {
    if (answered.at(-1)?.code === 'OFFLINE') await sleep(200);
    answered.push(...(await send()));
  }
  answered.push(...(await send()));
  const ms = performance.now() - startedAt;
  const lost = rule?.end() ?? 0;

  const messages = answered.flatMap(({ code, message }) =>
    code === '' && message ? [`${message._id} ${message.seq} ${message.text}`] : [],
  );
  for (const message of messages) {
    const [messageId = '', seq = ''] = message.split(' ');
    load.ledger.acknowledge(clientMessageId, { messageId, seq: Number(seq) });
  }
  const untyped = answered.filter(({ code }) => ['UNTYPED', 'NETWORK', 'TIMEOUT', 'INTERNAL'].includes(code));
  const found = (await readHistory(rig, conversation.id, userId)).filter((m) => m.clientMessageId === clientMessageId);
  const problems = untyped.map(({ code }) => `an answer over ${way} was ${code}`);
  if (new Set(messages).size !== 1) problems.push(`replies differ: ${messages.join(' / ')}`);
  if (found.length !== 1) problems.push(`${found.length} messages of one client id`);
  return { problems, ms, lost };
}

interface Answer {
  /** Empty for a success. */
  code: string;
  message: { _id: string; seq: number; text: string | null } | undefined;
}

/** @returns the answer of each way that it goes */
async function sendOver(way: Way, caller: Caller, device: StockClient, body: object): Promise<Answer[]> {
  const byRest = async (): Promise<Answer> => {
    const { code, body: answer } = await call(caller, 'POST', '/api/chat/message', body);
    return { code, message: answer?.data };
  };
  const bySocket = async (): Promise<Answer> => {
    const { code, data } = await askSocket(device, 'send:message', body);
    return { code, message: data?.message };
  };
  const ways = { rest: [byRest], socket: [bySocket], both: [byRest, bySocket] };
  return Promise.all(ways[way].map((send) => send()));
}
