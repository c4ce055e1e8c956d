/**
 * The limit of what a receipts worker can do: XREADGROUP, parse, XACK, and nothing else.
 * Environment: REDIS_URL, STREAM (with the group `peer`).
 */
import { Redis } from 'ioredis';

const { REDIS_URL = '', STREAM = '' } = process.env;
const reader = new Redis(REDIS_URL);
const commands = reader.duplicate();
await commands.xgroup('CREATE', STREAM, 'peer', '0', 'MKSTREAM');
console.log('listening on 0');

for (;;) {
  const reply = (await reader.xreadgroup(
    ...(['GROUP', 'peer', 'c', 'COUNT', 200, 'BLOCK', 1_000, 'STREAMS', STREAM, '>'] as const),
  )) as [string, [string, string[]][]][] | null;
  const entries = reply?.[0]?.[1] ?? [];
  const parsed = entries.map(([id, fields]) => ({ id, receipt: JSON.parse(fields[1] ?? '{}') as object }));
  if (parsed.length > 0) await commands.xack(STREAM, 'peer', ...parsed.map(({ id }) => id));
}
