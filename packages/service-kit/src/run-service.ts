import { ConfigError } from './config.ts';
import { createLogger, type Logger } from './logger.ts';

/** What `start` returns: something that can end in order. */
export interface RunningService {
  /** Stops intake, drains, closes. Called once. */
  close(): Promise<unknown>;
}

/** The part of a process that a service needs. */
export interface HostProcess {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
  env: Record<string, string | undefined>;
}

export interface RunServiceOptions {
  name: string;
  start(): Promise<RunningService>;
  /** Logger for the life cycle; one of its own if absent. */
  logger?: Logger;
  host?: HostProcess;
}

/** Milliseconds from the signal to the end, whatever happens. Source: orchestrators kill after 30 s by default. */
const END_DEADLINE_MS = 29_000;

/**
 * The life of a service's process, for `main.ts`. A failed start is one line and exit 1. SIGTERM and SIGINT close the
 * service and exit 0, within 29 s; a second signal exits 1 at once. An unhandled error is logged and exits 1: after it,
 * nothing in the process can be relied on.
 */
export async function runService({
  name,
  start,
  logger,
  host = process as HostProcess,
}: RunServiceOptions): Promise<void> {
  const log = logger ?? createLogger({ name, level: host.env.LOG_LEVEL || 'info' });
  let starting: Promise<RunningService> | undefined;
  let ending = false;

  const end = async (signal: string) => {
    if (ending) {
      log.warn({ signal }, 'second signal: ending at once');
      return host.exit(1);
    }
    ending = true;
    log.info({ signal }, 'shutting down');
    setTimeout(() => failEnd(log, host, 'not done in time'), END_DEADLINE_MS).unref();
    try {
      // A signal during the start waits for it: what is half open could not be closed in order.
      await (await starting)?.close();
      log.info({}, 'shut down');
      host.exit(0);
    } catch (error) {
      failEnd(log, host, error);
    }
  };

  host.on('SIGTERM', () => void end('SIGTERM'));
  host.on('SIGINT', () => void end('SIGINT'));
  host.on('uncaughtException', (error) => fatal(log, host, error, 'uncaught exception'));
  host.on('unhandledRejection', (error) => fatal(log, host, error, 'unhandled rejection'));

  try {
    starting = start();
    await starting;
    log.info({}, 'started');
  } catch (error) {
    log.fatal(error instanceof ConfigError ? {} : { err: error }, `start failed: ${messageOf(error)}`);
    host.exit(1);
  }
}

function failEnd(log: Logger, host: HostProcess, error: unknown): void {
  log.error({ err: error }, `shutdown failed: ${messageOf(error)}`);
  host.exit(1);
}

function fatal(log: Logger, host: HostProcess, error: unknown, message: string): void {
  log.fatal({ err: error }, `${message}: ${messageOf(error)}`);
  host.exit(1);
}

/** In words for the person who started it; a taken port is the most common reason of all. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code !== 'EADDRINUSE') return error.message;
  return `port ${port} on ${address} is taken: end the program that uses it, or set PORT to another one`;
}
