/** kill -9 during 10,000 inserts, 20 rounds: `node --conditions=confab-source proof/crash-rounds.ts [rounds]`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crashRound } from './crash-round.ts';

const ROUNDS = Number(process.argv[2] ?? 20);
const INSERTS = 10_000;

const folder = await mkdtemp(join(tmpdir(), 'embedded-mongo-crash-'));
let lost = 0;
let inconsistent = 0;
for (let round = 1; round <= ROUNDS; round++) {
  const killAfter = 1 + Math.floor(Math.random() * (INSERTS * 0.9));
  const outcome = await crashRound(folder, round, INSERTS, killAfter);
  lost += outcome.lost;
  inconsistent += outcome.inconsistent;
  console.log(JSON.stringify({ round, ...outcome, restartMs: Math.round(outcome.restartMs) }));
}
await rm(folder, { recursive: true, force: true });
console.log(JSON.stringify({ rounds: ROUNDS, lost, inconsistent }));
if (lost + inconsistent > 0) process.exitCode = 1;
