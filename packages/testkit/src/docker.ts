import { createConnection } from 'node:net';

/** True if a Docker daemon listens where testcontainers would look for it. */
export function dockerAvailable(): Promise<boolean> {
  const target = dockerAddress(process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock');
  if (!target) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = createConnection(target);
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

function dockerAddress(host: string): { path: string } | { host: string; port: number } | null {
  if (host.startsWith('unix://')) return { path: host.slice('unix://'.length) };
  if (!URL.canParse(host)) return null;
  const url = new URL(host);
  return { host: url.hostname, port: Number(url.port || 2375) };
}
