import type { FaultRow } from '../row.ts';
import { apiKilled, crashBeforePublish } from './api-crashes.ts';
import { rollingDeploy } from './deploys.ts';
import { fullStores } from './full-stores.ts';
import { gatewayKilled, stampede } from './gateway-killed.ts';
import { preAuthFlood } from './hostile-sockets.ts';
import { sameClientId } from './idempotency.ts';
import { unknownWriteResult } from './mongo-faults.ts';
import { halfOpen } from './networks.ts';
import { redisReplyLost, redisRestartedEmpty, redisStalls, redisWiped } from './redis-faults.ts';
import { slowClient } from './slow-client.ts';
import { mixedVersions, poisonEntries, shuffledReceipts } from './stream-entries.ts';
import { workerFrozen, workerKilled } from './worker-faults.ts';

/** Every row, in the order of its number. */
export const allRows: readonly FaultRow[] = [
  ...[apiKilled, crashBeforePublish, redisReplyLost, gatewayKilled, workerKilled, workerFrozen, poisonEntries],
  ...[redisWiped, redisRestartedEmpty, redisStalls, halfOpen, unknownWriteResult, fullStores, sameClientId],
  ...[shuffledReceipts, slowClient, preAuthFlood, stampede, rollingDeploy, mixedVersions],
].toSorted((a, b) => a.id - b.id);
