// npm run dead-letters -- list|replay|drop
import { connectCommands } from '@confab/redis';
import { createLogger, loadConfig, logVariables, redisVariables } from '@confab/service-kit';
import { DeadLetters } from '@confab/streams';
import Type from 'typebox';
import { runDeadLetterCommand } from './command.ts';

const CONNECT_MS = 5_000;

try {
  const config = loadConfig(Type.Object({ ...redisVariables, ...logVariables }), process.env);
  const log = createLogger({ name: 'dead-letters', level: 'silent' });
  const { REDIS_URL: url, REDIS_CLUSTER: cluster, KEY_PREFIX: keyPrefix } = config;
  const connection = connectCommands({ url, cluster, keyPrefix, log });
  await connection.ready(CONNECT_MS);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  process.exitCode = await runDeadLetterCommand(new DeadLetters(connection), process.argv.slice(2), print);
  await connection.close();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
