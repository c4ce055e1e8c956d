// npm run split: every service a process of its own on this machine, with the stores it needs and an edge. No Docker.
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type SplitSystem, startSplitSystem } from '@confab/testkit';
import { hasOwnKey, splitEnvironment } from './split-environment.ts';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const runFolder = path.join(root, '.data/run');
const stateFile = path.join(runFolder, 'split.json');

const COUNT = { type: 'string' } as const;
const { values } = parseArgs({ options: { api: COUNT, gateway: COUNT, receipts: COUNT } });
const count = (name: 'api' | 'gateway' | 'receipts', fallback: number): number => {
  const number = Number(values[name] ?? fallback);
  if (!Number.isInteger(number) || number < 1 || number > 64) throw new Error(`--${name} is a number from 1 to 64`);
  return number;
};

async function start(): Promise<SplitSystem> {
  const { env } = process;
  const generated = env.JWT_SECRET || hasOwnKey(env) ? '' : randomBytes(36).toString('base64url');
  const port = Number(env.PORT || 3100);
  const system = await startSplitSystem({
    api: count('api', 2),
    gateway: count('gateway', 2),
    receipts: count('receipts', 1),
    port,
    host: env.HOST ?? '127.0.0.1',
    jwtSecret: env.JWT_SECRET || generated,
    ...(env.MONGODB_DATABASE && { database: env.MONGODB_DATABASE }),
    env: splitEnvironment(env),
    logs: path.join(runFolder, 'logs'),
  });
  if (hasOwnKey(env)) process.stdout.write('No secret was made: tokens are checked with your key\n');
  if (generated) process.stdout.write(`JWT_SECRET was not set; tokens of this run are signed with ${generated}\n`);
  return system;
}

function writeState(system: SplitSystem): void {
  mkdirSync(runFolder, { recursive: true });
  const state = {
    edge: system.edge.url,
    mongodbUrl: system.mongodbUrl,
    redisUrl: system.redisUrl,
    api: system.api.map(({ url, pid }) => ({ url, pid })),
    gateway: system.gateway.map(({ url, pid, id }) => ({ url, pid, id })),
    receipts: system.receipts.map(({ pid }) => ({ pid })),
  };
  writeFileSync(stateFile, `${JSON.stringify(state, null, 2)}\n`);
}

try {
  const system = await start();
  writeState(system);
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(1);
    stopping = true;
    rmSync(stateFile, { force: true });
    await system.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.on('SIGINT', () => void stop());
  process.stdout.write(
    `Confab is ready at ${system.edge.url} (${system.api.length} api, ${system.gateway.length} gateway, ${system.receipts.length} receipts; details in .data/run/split.json)\n`,
  );
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
