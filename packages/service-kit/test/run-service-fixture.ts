import { runService } from '../src/index.ts';

/* A service whose behaviour the test chooses by its argument. */
const mode = process.argv[2];
const keepAlive = setInterval(() => {}, 1_000);

await runService({
  name: 'fixture',
  start: async () => {
    if (mode === 'start-fails') throw new Error('Redis at redis://nowhere is not reachable');
    if (mode === 'throws-later') setTimeout(() => JSON.parse('{'), 10);
    if (mode === 'rejects-later') setTimeout(() => void Promise.reject(new Error('lost')), 10);
    return {
      close: async () => {
        if (mode === 'hangs') await new Promise(() => {});
        if (mode === 'close-fails') throw new Error('cannot close');
        clearInterval(keepAlive);
      },
    };
  },
});
