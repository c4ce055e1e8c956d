import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { eventually, spawnTestProcess, stopTestProcess } from '@confab/testkit';
import { untilDelivered } from '../checks/delivery.ts';
import { checkInvariants } from '../checks/invariants.ts';
import { duration, worst } from '../figures.ts';
import { Load } from '../load.ts';
import { startRig, untilReady } from '../rig.ts';
import { CannotRun, type FaultRow, type Trial } from '../row.ts';
import { probe } from './redis-faults.ts';

const run = promisify(execFile);
const REFUSALS = ['UNAVAILABLE', 'OVERLOADED', 'OFFLINE'];

export const fullStores: FaultRow = {
  id: 19,
  name: 'store full',
  injection: 'Redis at its maxmemory (noeviction); the embedded MongoDB store on a tmpfs of 24 MB, filled up',
  bar: 'no 2xx for what was not stored; heals without restart',
  times: { full: 3, short: 1 },
  async run(trial) {
    const heals: number[] = [];
    for (let round = 0; round < trial.times; round++) heals.push(await fillRedis(trial, round));
    const problems = heals.every(Number.isFinite)
      ? []
      : ['messages did not flow again within 30 s of Redis having room'];
    // The second system is to have the machine for itself.
    await trial.load.stop();
    const disk = await fillDisk(trial);
    return {
      injected: trial.times + 1,
      figure: `Redis: flows again ${duration(worst(heals))} after it has room; MongoDB: ${disk.figure}`,
      problems: [...problems, ...disk.problems, ...oddRefusals(trial.load)],
    };
  },
};

function oddRefusals({ answers }: Load): string[] {
  const odd = answers.filter(({ code }) => code !== '' && !REFUSALS.includes(code));
  return odd.slice(0, 3).map(({ code }) => `a refusal was ${code}`);
}

async function fillRedis(trial: Trial, round: number): Promise<number> {
  const { redisClient } = trial.rig;
  await redisClient.config('SET', 'maxmemory', '1mb');
  await sleep(5_000);
  await redisClient.config('SET', 'maxmemory', '0');
  const roomAt = performance.now();
  await probe(trial, round);
  const delivered = await untilDelivered(trial.load);
  return Number.isFinite(delivered) ? performance.now() - roomAt : delivered;
}

/** 10,000 code points of four bytes. */
const LARGE_TEXT = '😀'.repeat(10_000);
const TMPFS_MB = 24;
const ROOMIER_MB = 200;

type DiskResult = { figure: string; problems: string[] };

/** A small system of its own on an embedded store whose disk is full, and then is not. */
async function fillDisk(trial: Trial): Promise<DiskResult> {
  const mount = join(trial.folder, 'tmpfs');
  mkdirSync(mount, { recursive: true });
  await mountTmpfs(mount);
  try {
    const store = await startStore(mount);
    try {
      return await withSystemOn(store.url, trial, mount);
    } finally {
      await store.stop();
    }
  } finally {
    await run('umount', ['-l', mount]);
  }
}

async function withSystemOn(mongodbUrl: string, trial: Trial, mount: string): Promise<DiskResult> {
  const folder = join(trial.folder, 'full-disk');
  const rig = await startRig({ api: 1, gateway: 1, receipts: 1, mongodbUrl, database: 'full', folder });
  const load = new Load(rig, trial.random, { groups: 1, members: 3, rate: 5 });
  try {
    await untilReady(rig.services);
    await load.start();
    const filling = fillUp(load);
    await eventually(() => refusals(load) > 10, 120_000, 100);
    await sleep(2_000);
    const stored = load.ledger.acknowledged.length;
    await run('mount', ['-o', `remount,size=${ROOMIER_MB}m`, mount]);
    const roomAt = performance.now();
    await probe({ rig, load, random: trial.random }, 0);
    const healMs = performance.now() - roomAt;
    await filling;
    await load.stop();
    const violations = await checkInvariants(rig, load, trial.memory);
    const problems = violations.map(({ invariant, detail }) => `on a full disk ${invariant}: ${detail}`);
    const figure = `full after ${stored} messages, takes them again ${duration(healMs)} after there is room`;
    return { figure, problems: [...problems, ...oddRefusals(load)] };
  } finally {
    load.close();
    await rig.close();
  }
}

const refusals = ({ ledger }: Load): number =>
  Object.values(ledger.errorCounts()).reduce((sum, count) => sum + count, 0);

/** Sends the largest messages there are until some are refused; each goes on until it is taken, once there is room. */
async function fillUp(load: Load): Promise<void> {
  const [conversation] = load.conversations;
  const fill = async (sender: string) => {
    while (refusals(load) === 0) await load.sendByRest(sender, conversation?.id ?? '', LARGE_TEXT);
  };
  await Promise.all([...(conversation?.members ?? []), ...(conversation?.members ?? [])].map(fill));
}

async function mountTmpfs(folder: string): Promise<void> {
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${TMPFS_MB}m`, 'confab-faults', folder]);
  } catch (error) {
    throw new CannotRun(`a small disk cannot be mounted here: ${(error as Error).message.split('\n').at(-2)}`);
  }
}

async function startStore(folder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const main = fileURLToPath(new URL('../../../packages/embedded-mongo/src/main.ts', import.meta.url));
  const server = spawnTestProcess(process.execPath, [
    '--conditions=confab-source',
    main,
    '--data',
    join(folder, 'data'),
    '--port',
    '0',
  ]);
  const url = await eventually(() => {
    const [, found] = /MONGODB_URL=(\S+)/.exec(server.output()) ?? [];
    if (found === undefined) throw new Error(`the embedded store did not start: ${server.output()}`);
    return found;
  }, 30_000);
  return { url: `${url}/?retryWrites=false`, stop: () => stopTestProcess(server) };
}
