import type { LogDestination } from '@confab/service-kit';

/** For a person at a terminal: what is wrong, one line each, without the JSON that log collectors want. */
export function plainLog(write: (text: string) => void): LogDestination {
  return {
    write(line: string) {
      const { level, msg, err } = JSON.parse(line) as { level: string; msg: string; err?: { message: string } };
      const why = err && !msg.includes(err.message) ? `: ${err.message}` : '';
      // one event, one line
      write(`${level}: ${msg}${why}`.replaceAll(/\s*\n\s*/g, ' ').concat('\n'));
    },
  };
}
