import type { Log } from '@confab/chat';

/** Warnings of the adapters that the benchmark itself uses go to standard error; the rest is nobody's business here. */
export const silent: Log = {
  info: () => {},
  warn: (fields, message) => console.error(message, fields),
  error: (fields, message) => console.error(message, fields),
};
