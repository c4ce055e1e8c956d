import type { Log, TraceLog } from '@confab/chat';

/** Lines per second that the bus may write when everything fails at once. Source: FAULTS, "Redis wiped". */
const LINES_PER_SECOND = 10;

/**
 * A log that writes at most `linesPerSecond` lines in each second, and says with the next line how many it left out: a Redis that is
 * gone must not fill the disk.
 */
export function limitedLog(log: Log, linesPerSecond = LINES_PER_SECOND, now: () => number = Date.now): Log {
  let second = 0;
  let written = 0;
  let leftOut = 0;
  const write = (level: keyof Log) => (fields: object, message: string) => {
    const current = Math.floor(now() / 1_000);
    if (current !== second) {
      second = current;
      written = 0;
    }
    if (written >= linesPerSecond) {
      leftOut++;
      return;
    }
    written++;
    log[level](leftOut > 0 ? { ...fields, linesLeftOut: leftOut } : fields, message);
    leftOut = 0;
  };
  return { info: write('info'), warn: write('warn'), error: write('error') };
}

const shared = new WeakMap<Log, Log>();

/** The limited form of a log: one for all connections that write to it, so that the limit holds for the process. */
export function sharedLimitedLog(log: Log): Log {
  const limited = shared.get(log) ?? limitedLog(log);
  shared.set(log, limited);
  return limited;
}

/** The same for the domain: what goes wrong with every message while the bus is away is told with the bus's own lines, within their limit. */
export function limitedTraceLog(log: TraceLog): TraceLog {
  return { ...sharedLimitedLog(log), debug: (fields, message) => log.debug(fields, message) };
}
