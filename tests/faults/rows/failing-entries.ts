import { randomUUID } from 'node:crypto';
import { STREAM_VERSION } from '@confab/contracts';
import { eventually } from '@confab/testkit';
import { MongoClient, ObjectId } from 'mongodb';
import { insist } from '../rest.ts';
import type { Rig } from '../rig.ts';
import { deadLetterCommand } from './dead-letter-command.ts';
import { receiptStreams } from './receipt-streams.ts';

const [WRITER, READER] = ['damaged-writer', 'damaged-reader'];

/** Receipts that are readable and fail each time that they are applied, until their conversation is mended. */
export interface FailingEntries {
  /** How many there are: one in each partition. */
  count: number;
  /** The most tries that one of them had, and the fewest, as the workers log them. */
  tries(): { most: number; fewest: number };
  /** Mends the conversation and replays them. @param letters the dead letters that there are @returns what went wrong */
  mendAndReplay(letters: readonly { partition: number; id: string; reason: string }[]): Promise<string[]>;
}

/** Damages the document of a conversation of its own, and appends receipts of it. */
export async function addFailingEntries(rig: Rig): Promise<FailingEntries> {
  const writer = rig.caller(WRITER);
  const { data } = await insist(writer, 'POST', '/api/chat/conversations', { participants: [READER], name: 'Damaged' });
  const conversationId: string = data._id;
  await insist(writer, 'POST', '/api/chat/message', { conversationId, text: 'read me', messageType: 'text' });
  await setParticipants(rig, conversationId, null);
  const entries = new Set<string>();
  for (const [partition, stream] of receiptStreams.entries()) {
    const envelope = { v: STREAM_VERSION, id: randomUUID(), at: Date.now(), traceId: 'failing' };
    const receipt = { ...envelope, type: 'read', conversationId, userId: READER, fromSeq: 0, toSeq: 1 };
    entries.add(`${partition}:${await rig.redisClient.xadd(stream, '*', 'e', JSON.stringify(receipt))}`);
  }
  return {
    count: receiptStreams.length,
    tries: () => triesOf(rig, entries),
    async mendAndReplay(letters) {
      await setParticipants(rig, conversationId, [WRITER, READER]);
      for (const { partition, id, reason } of letters) {
        if (reason.startsWith('TypeError')) await deadLetterCommand(rig, ['replay', `${partition}:${id}`]);
      }
      return eventually(async () => (await readSeqOf(rig, conversationId)) === 1, 20_000, 100).then(
        () => [],
        () => ['what was replayed after its conversation was mended had no effect'],
      );
    },
  };
}

/** What only damage from outside does: no release writes such a document. */
async function setParticipants({ system }: Rig, id: string, participants: string[] | null): Promise<void> {
  const client = new MongoClient(system.mongodbUrl, { retryWrites: false });
  try {
    const conversations = client.db(system.database).collection('conversations');
    const { matchedCount } = await conversations.updateOne({ _id: new ObjectId(id) }, { $set: { participants } });
    if (matchedCount !== 1) throw new Error('the conversation to damage is not there');
  } finally {
    await client.close();
  }
}

function triesOf(rig: Rig, entries: ReadonlySet<string>): { most: number; fewest: number } {
  const tries = new Map([...entries].map((entry) => [entry, 0]));
  for (const service of rig.services.filter(({ kind }) => kind === 'receipts')) {
    for (const { msg, partition, entry } of rig.logLines(service)) {
      const name = `${partition}:${entry}`;
      const before = tries.get(name);
      if (msg === 'receipt could not be applied' && before !== undefined) tries.set(name, before + 1);
    }
  }
  return { most: Math.max(...tries.values()), fewest: Math.min(...tries.values()) };
}

async function readSeqOf(rig: Rig, conversationId: string): Promise<number> {
  const { data } = await insist(rig.caller(READER), 'GET', '/api/chat/conversations');
  return data.find(({ _id }: { _id: string }) => _id === conversationId).readSeq;
}
