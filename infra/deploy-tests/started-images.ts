import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { eventually } from '@confab/testkit';
import { type BuiltImage, buildImage } from './build-image.ts';

/** A service that runs from an image's folder. */
export interface StartedImage {
  url: string;
  port: number;
  pid: number;
  image: BuiltImage;
  env: Record<string, string>;
  output(): string;
  /** SIGTERM. @returns its exit code */
  stop(): Promise<number | null>;
}

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** A folder for images that any user can read, removed with `remove`. */
export function imageFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'confab-images-'));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

const built = new Map<string, BuiltImage>();

/** Builds an image of a checkout, once per run. */
export function imageOf(service: string, source: string, folder: string): BuiltImage {
  const key = `${source}:${service}`;
  const image = built.get(key) ?? buildOnce(service, source, join(folder, `${service}-${built.size}`));
  built.set(key, image);
  return image;
}

/** Builds it, and removes all but its last stage. */
function buildOnce(service: string, source: string, target: string): BuiltImage {
  const image = buildImage({ service, source, target });
  rmSync(join(target, 'stage-0'), { recursive: true, force: true });
  return image;
}

/** The environment of a process in the image: the image's, and what is given; Node is the one that runs this. */
const environmentOf = (image: BuiltImage, env: Record<string, string>) => ({
  PATH: dirname(process.execPath),
  ...image.env,
  ...env,
});

/**
 * Runs the image's command as the image's user, who can write nothing in it, and waits until its health check passes.
 * @throws Error with its output if it does not
 */
export async function startImage(image: BuiltImage, env: Record<string, string>): Promise<StartedImage> {
  const [command = '', ...args] = image.cmd;
  const child = spawn(command, args, {
    cwd: join(image.folder, image.workdir),
    env: environmentOf(image, env),
    ...image.user,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve)).finally(() =>
    alive.delete(child),
  );
  const port = Number(env.PORT ?? image.env.PORT);
  const started = { url: `http://127.0.0.1:${port}`, port, pid: child.pid ?? -1, image, env };
  const output = () => lines.slice(-30).join('\n');
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
      const code = await healthOf(image, env);
      if (code !== 0) throw new Error(`its health check says ${code}`);
    }, 30_000);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${String(error)}\n${output()}`);
  }
  return {
    ...started,
    output,
    stop() {
      child.kill('SIGTERM');
      return exited;
    },
  };
}

/** Runs a command in the image as the image's user, as `docker exec` would. @returns its exit code, and what it wrote */
export async function runInImage(
  image: BuiltImage,
  env: Record<string, string>,
  [command = '', ...args]: string[],
): Promise<{ code: number | null; output: string }> {
  const cwd = join(image.folder, image.workdir);
  const child = spawn(command, args, { cwd, env: environmentOf(image, env), ...image.user });
  const exited = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [code, out, err] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  return { code, output: out + err };
}

/** Runs the image's health check as the image's user. @returns its exit code */
export function healthOf(image: BuiltImage, env: Record<string, string>): Promise<number | null> {
  const [command = '', ...args] = image.healthcheck;
  const child = spawn(command, args, { env: environmentOf(image, env), ...image.user, stdio: 'ignore' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}
