import { createServer } from 'node:net';

/**
 * Below where systems take the local ports of outgoing connections from (32,768 on Linux, 49,152 elsewhere): a port of that range may be
 * gone to any connection of any process between two starts of a server on it. Above what programs have by default.
 */
const LOWEST = 11_000;
const HIGHEST = 32_767;

/** Ports that this process was given: what is bound only later is not given twice. */
const given = new Set<number>();

/** A TCP port of 127.0.0.1 that is free at this moment, drawn at random. Whoever binds it must be ready to ask for another. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
