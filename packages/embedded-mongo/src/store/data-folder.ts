/**
 * One process owns a data folder. The lock file names its owner by pid and start time, so that the lock of a process
 * that was killed, or whose pid was given to another since, does not block the next start.
 */
import { accessSync, constants, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kill, pid } from 'node:process';
import { threadId } from 'node:worker_threads';

/** Says in one line why a data folder cannot be used. */
export class DataFolderError extends Error {}

interface Owner {
  pid: number;
  started: string;
}

/** When the process started, by the kernel's clock; empty where the platform does not tell. */
function startOf(process: number): string {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(owner: Owner): boolean {
  try {
    kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const started = startOf(owner.pid);
  return owner.started === '' || started === '' ? owner.pid !== pid : started === owner.started;
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** Moves a dead owner's lock away; puts it back when another process took the lock in between. */
function removeStale(path: string, stale: Owner | undefined): void {
  const aside = `${path}.${pid}.${threadId}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = readOwner(aside);
  if (moved && (moved.pid !== stale?.pid || moved.started !== stale.started)) {
    try {
      linkSync(aside, path);
    } catch {
      // somebody holds the lock already: the next look at it will tell
    }
  }
  rmSync(aside, { force: true });
}

function prepare(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new DataFolderError(`data folder ${folder} is not writable (${code})`);
  }
}

/**
 * Creates the folder if need be and takes its lock.
 *
 * @returns releases the lock
 * @throws DataFolderError when the folder cannot be written or belongs to a live process
 */
export function lockDataFolder(folder: string): () => void {
  prepare(folder);
  const path = join(folder, 'confab.lock');
  const mine = `${path}.new.${pid}.${threadId}`;
  try {
    writeFileSync(mine, JSON.stringify({ pid, started: startOf(pid) } satisfies Owner));
  } catch (error) {
    throw new DataFolderError(`data folder ${folder} is not writable (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    takeLock(folder, path, mine);
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(path, { force: true });
}

function takeLock(folder: string, path: string, mine: string): void {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      linkSync(mine, path); // atomic: the file appears complete or not at all
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = readOwner(path);
    if (owner && isAlive(owner)) throw new DataFolderError(`data folder ${folder} is in use by process ${owner.pid}`);
    removeStale(path, owner);
  }
  throw new DataFolderError(`data folder ${folder} is in use`);
}
