// The overrides of pnpm-workspace.yaml that are floors against known defects, held against what the lockfile really has.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './bootstrap.mjs';

const read = (file) => readFileSync(path.join(root, file), 'utf8');

/** @returns one line per package that is locked below its floor, or that has a floor and is not locked at all */
export function brokenFloors(workspace = read('pnpm-workspace.yaml'), lockfile = read('pnpm-lock.yaml')) {
  const floors = [...section(workspace, 'overrides').matchAll(/^ {2}["']?([^"':]+)["']?: ["']>=(\d+\.\d+\.\d+)/gm)];
  const problems = floors.length === 0 ? ['pnpm-workspace.yaml has no overrides: the floors are gone'] : [];
  for (const [, name, floor] of floors) {
    const locked = lockedVersions(lockfile, name);
    if (locked.length === 0) problems.push(`${name} has a floor and is not in the lockfile: remove the override`);
    for (const version of locked.filter((version) => compare(version, floor) < 0)) {
      problems.push(`${name} is locked at ${version}, below its floor ${floor}`);
    }
  }
  return problems;
}

/** The indented block under a top-level key. */
function section(yaml, key) {
  return new RegExp(`^${key}:\\n((?:[ #].*\\n|\\n)*)`, 'm').exec(yaml)?.[1] ?? '';
}

function lockedVersions(lockfile, name) {
  const escaped = name.replaceAll(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  const entries = section(lockfile, 'packages').matchAll(new RegExp(`^ {2}'?${escaped}@(\\d+\\.\\d+\\.\\d+)`, 'gm'));
  return [...new Set([...entries].map(([, version]) => version))];
}

function compare(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const at = left.findIndex((part, index) => part !== right[index]);
  return at === -1 ? 0 : left[at] - right[at];
}
