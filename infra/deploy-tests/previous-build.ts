import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './tools.ts';

export interface PreviousBuild {
  /** What it was built from. */
  revision: string;
  /** The compiled entry of a service. */
  entry(service: string): string;
  remove(): void;
}

const SERVICES = ['api', 'gateway', 'receipts'];

const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();

/**
 * The newest release before this commit. Where nothing was released yet: the commit of the snapshot that contracts are checked against, which
 * stands for it; and this commit itself where a checkout does not reach back that far.
 */
function previousRevision(): string {
  const tags = git('tag', '--merged', 'HEAD', '--sort=-v:refname', '--list', 'v*').split('\n').filter(Boolean);
  const head = git('rev-parse', 'HEAD');
  const released = tags.find((tag) => git('rev-parse', `${tag}^{commit}`) !== head);
  return released ?? (git('log', '-1', '--format=%H', '--', 'packages/contracts/released') || head);
}

/**
 * Builds the services of the previous release in a worktree of its own.
 * @throws Error with the output of the step that failed
 */
export function buildPrevious(): PreviousBuild {
  const revision = previousRevision();
  const folder = join(mkdtempSync(join(tmpdir(), 'confab-previous-')), 'tree');
  git('worktree', 'add', '--detach', folder, revision);
  const remove = () => {
    rmSync(dirname(folder), { recursive: true, force: true });
    git('worktree', 'prune');
  };
  try {
    const { config } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { config: { pnpm: string } };
    const filters = SERVICES.flatMap((name) => ['--filter', `@confab/${name}...`]);
    run(folder, 'npx', ['-y', config.pnpm, 'install', '--frozen-lockfile', '--filter', 'confab', ...filters]);
    run(folder, process.execPath, ['infra/docker/build.mjs', ...SERVICES]);
  } catch (error) {
    remove();
    throw error;
  }
  return { revision, entry: (service) => join(folder, `services/${service}/dist/main.js`), remove };
}

function run(cwd: string, command: string, args: string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1e8,
    timeout: 300_000,
  });
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${status}\n${(stdout + stderr).slice(-4_000)}`);
}
