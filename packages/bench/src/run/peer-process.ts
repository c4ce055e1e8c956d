import { fileURLToPath } from 'node:url';
import { eventually, spawnTestProcess, stopTestProcess } from '@confab/testkit';

export interface PeerProcess {
  pid: number;
  port: number;
  signal(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

const START_MS = 20_000;

/**
 * Starts `peers/<name>.ts`, which prints `listening on <port>` once it is ready.
 * @throws Error with what it wrote, if it does not start
 */
export async function startPeer(name: string, env: Record<string, string>): Promise<PeerProcess> {
  const entry = fileURLToPath(new URL(`../../peers/${name}.ts`, import.meta.url));
  const started = spawnTestProcess(process.execPath, ['--disable-warning=ExperimentalWarning', entry], {
    PATH: process.env.PATH ?? '',
    ...env,
  });
  const port = await eventually(() => {
    const found = /listening on (\d+)/.exec(started.output())?.[1];
    if (found === undefined) throw new Error(`the peer ${name} is not ready: ${started.output()}`);
    return Number(found);
  }, START_MS);
  return {
    pid: started.child.pid ?? -1,
    port,
    signal: (signal) => void started.child.kill(signal),
    stop: () => stopTestProcess(started),
  };
}
