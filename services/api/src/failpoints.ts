import type { ChatContext } from '@confab/chat';

/**
 * A crash on purpose, as `kill -9` makes it: no handler runs, nothing is flushed.
 * @param setting `step` or `step:n`, the n-th time that the step is reached (default 1); undefined in production
 */
export function failpointOf(setting: string | undefined): ChatContext['atStep'] {
  if (setting === undefined) return undefined;
  const [name, times = '1'] = setting.split(':');
  let left = Number(times);
  return async (step) => {
    if (step === name && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
