import { setTimeout as sleep } from 'node:timers/promises';
import { untilDelivered } from '../checks/delivery.ts';
import { duration, worst } from '../figures.ts';
import { untilReady } from '../rig.ts';
import type { FaultRow } from '../row.ts';

const EXIT_MS = 30_000;

export const rollingDeploy: FaultRow = {
  id: 28,
  name: 'rolling deploy',
  injection: 'SIGTERM to each service in turn under load, then its successor (drain 15 s; short: 3 s)',
  bar: 'A, B; each exits within 30 s; 0 client-visible errors that a retry does not hide',
  times: { full: 5, short: 1 },
  gatewayEnv: { full: { DRAIN_MS: '15000' } },
  load: { rate: 25 },
  async run({ rig, load, times, say }) {
    const exits: number[] = [];
    const problems: string[] = [];
    for (let round = 1; round <= times; round++) {
      for (const service of rig.services) {
        const startedAt = performance.now();
        const code = await Promise.race([service.process.stop(), sleep(EXIT_MS + 5_000, 'late' as const)]);
        const ms = performance.now() - startedAt;
        exits.push(ms);
        if (code !== 0) problems.push(`${service.name} ended with ${code} after ${duration(ms)}`);
        await service.process.restart();
        await untilReady([service]);
      }
      const delivered = await untilDelivered(load);
      if (!Number.isFinite(delivered)) problems.push(`after round ${round} a message did not come within 30 s`);
      say(`round ${round}: slowest exit ${duration(worst(exits))}`);
    }
    if (worst(exits) > EXIT_MS) problems.push(`an exit took ${duration(worst(exits))}`);
    const figure = `${exits.length} exits, the slowest after ${duration(worst(exits))}`;
    return { injected: times, figure, problems };
  },
};
