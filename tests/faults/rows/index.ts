import type { FaultRow } from '../row.ts';
import { apiKilled, crashBeforePublish } from './api-crashes.ts';
import { gatewayKilled, stampede } from './gateway-killed.ts';
import { workerFrozen, workerKilled } from './worker-faults.ts';

/** Every row, in the order of its number. */
export const allRows: readonly FaultRow[] = [
  apiKilled,
  crashBeforePublish,
  gatewayKilled,
  workerKilled,
  workerFrozen,
  stampede,
].toSorted((a, b) => a.id - b.id);
