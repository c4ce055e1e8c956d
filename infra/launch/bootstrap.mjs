// What has to be there before anything of ours can run. Plain JavaScript for Node 20, with nothing but Node itself.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const modules = path.join(root, 'node_modules');
const stampFile = path.join(modules, '.confab-installed');

/** Node 24, which the workspace installs for itself. */
export const node = path.join(modules, 'runtime-node/bin/node');

/** Runs a command in the project's root; its output goes to the person. @throws if it fails */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with ${signal ?? code}`)),
    );
  });
}

/** Installs the dependencies, unless exactly these are installed already. */
export async function ensureInstalled() {
  const wanted = dependencyFingerprint();
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted && existsSync(node)) return;
  const { config } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  await install(config.pnpm);
  mkdirSync(modules, { recursive: true });
  writeFileSync(stampFile, wanted);
}

/** Runs the pinned pnpm. A person sees how far it is; what it printed is shown only if it failed. */
async function install(pnpm) {
  const child = spawn('npx', ['-y', pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, npm_config_loglevel: 'error' },
  });
  const show = progressLine('Installing dependencies (once)');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
      const [, resolved, added] = /.*resolved (\d+).*added (\d+)/s.exec(String(chunk)) ?? [];
      if (resolved) show(`${added} of ${resolved} packages`);
    });
  }
  const code = await new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(1);
    });
    child.once('close', resolve);
  });
  show('done', true);
  if (code !== 0) throw new Error(`${output.split('\n').slice(-25).join('\n')}\nThe installation with ${pnpm} failed.`);
}

/** One line on a terminal that changes; elsewhere its beginning and its end. */
function progressLine(title) {
  const terminal = process.stderr.isTTY;
  process.stderr.write(terminal ? `${title} ...` : `${title} ...\n`);
  return (text, last = false) => {
    if (terminal) process.stderr.write(`\r\u001b[K${title}: ${text}${last ? '\n' : ''}`);
  };
}

function dependencyFingerprint() {
  const manifests = ['packages', 'services'].flatMap((folder) =>
    readdirSync(path.join(root, folder)).map((name) => path.join(folder, name, 'package.json')),
  );
  return fingerprint(['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests]);
}

/** A hash over files of the project that exist. */
export function fingerprint(files) {
  const hash = createHash('sha256').update(process.platform + process.arch);
  for (const file of files.filter((name) => existsSync(path.join(root, name))).sort()) {
    hash.update(file).update(readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

/** Every file below a folder of the project, as paths from the root. */
export function filesBelow(folder) {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)));
}

/**
 * Runs an entry of ours with the workspace's Node until it ends, passes signals on to it, and ends as it ended.
 * @param args arguments of node
 */
export function become(args) {
  const child = spawn(node, ['--conditions=confab-source', ...args], { stdio: 'inherit', cwd: root });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm passes a signal to its shell, which dies of it and does not pass it on: then we are an orphan, and that is the signal.
  if (process.env.npm_lifecycle_event) {
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      child.kill('SIGTERM');
    }, 200);
  }
  child.once('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
