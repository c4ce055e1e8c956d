/** One round of: insert from many connections, kill -9 at a random moment, start again, compare with what was acknowledged. */
import { type Collection, MongoClient } from 'mongodb';
import { startProcess } from './server-process.ts';

const CONNECTIONS = 50;

export interface CrashOutcome {
  readonly acknowledged: number;
  readonly found: number;
  /** Acknowledged, and not there after the restart. */
  readonly lost: number;
  /** Documents without their index entries, or entries without documents. */
  readonly inconsistent: number;
  readonly restartMs: number;
}

/**
 * Runs a round on a data folder that may hold earlier rounds.
 *
 * @param inserts how many documents are offered; the kill falls somewhere among them
 * @param killAfter how many acknowledgements to wait for before the kill
 */
export async function crashRound(
  dataDir: string,
  round: number,
  inserts: number,
  killAfter: number,
): Promise<CrashOutcome> {
  const server = await startProcess(dataDir);
  const client = new MongoClient(server.url, { maxPoolSize: CONNECTIONS, writeConcern: { w: 'majority' } });
  const messages = client.db('crash').collection('messages');
  await messages.createIndex({ round: 1, seq: 1 }, { unique: true });
  const acknowledged: number[] = [];
  let next = 0;
  let killed: Promise<void> | undefined;
  const insertUntilKilled = async () => {
    while (next < inserts && !killed) {
      const seq = next++;
      await messages.insertOne({ round, seq, text: `message ${seq}` });
      acknowledged.push(seq);
      if (acknowledged.length === killAfter) killed = server.end('SIGKILL');
    }
  };
  await Promise.allSettled(Array.from({ length: CONNECTIONS }, insertUntilKilled));
  await (killed ?? server.end('SIGKILL'));
  await client.close().catch(() => undefined);
  return verify(dataDir, round, acknowledged);
}

async function verify(dataDir: string, round: number, acknowledged: readonly number[]): Promise<CrashOutcome> {
  const server = await startProcess(dataDir);
  const client = new MongoClient(server.url);
  try {
    const messages = client.db('crash').collection('messages');
    const scanned = await seqs(messages, round, { $natural: 1 });
    const indexed = await seqs(messages, round, { round: 1, seq: 1 });
    const found = new Set(scanned);
    return {
      acknowledged: acknowledged.length,
      found: found.size,
      lost: acknowledged.filter((seq) => !found.has(seq)).length,
      inconsistent: Math.abs(scanned.length - indexed.length) + indexed.filter((seq) => !found.has(seq)).length,
      restartMs: server.startMs,
    };
  } finally {
    await client.close();
    await server.end('SIGTERM');
  }
}

async function seqs(messages: Collection, round: number, hint: Record<string, 1>): Promise<number[]> {
  const documents = await messages.find({ round }, { hint, projection: { _id: 0, seq: 1 } }).toArray();
  return documents.map(({ seq }) => seq as number);
}
