import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findOnPath } from '@confab/testkit';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** The Debian packages that the checks use, by the command that each brings. */
const PACKAGES: Record<string, string> = {
  nginx: 'nginx',
  promtool: 'prometheus',
  'docker-compose': 'docker-compose',
  go: 'golang-go golang-github-masterminds-sprig-dev golang-k8s-sigs-yaml-dev',
  'redis-server': 'redis-server',
};

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a tool to its end.
 * @throws Error that names the Debian package if the tool is not here: a check that cannot run has not passed
 */
export function runTool(
  name: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Outcome {
  const path = findOnPath(name);
  if (!path) throw new Error(`${name} is not on PATH: apt-get install ${PACKAGES[name] ?? name}`);
  const { status, stdout, stderr } = spawnSync(path, args, { cwd: root, encoding: 'utf8', maxBuffer: 1e8, ...options });
  return { status, stdout, stderr };
}
