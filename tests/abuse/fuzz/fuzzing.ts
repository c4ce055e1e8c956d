import { setTimeout as sleep } from 'node:timers/promises';
import type { Arguments } from '../arguments.ts';
import { codeOf } from '../ask.ts';
import { type AbuseRow, Findings, type Trial } from '../row.ts';
import { startLife } from './life.ts';
import { fuzzRest } from './rest-fuzz.ts';
import { fuzzSockets } from './socket-fuzz.ts';
import { createFuzzWorld, type FuzzWorld } from './world.ts';

/** Source: docs/security.md. A request that was under way when the member went has 1 s to publish; news waits in one inbox, which is late under load. */
const TOLERANCE = { afterNewsMs: 1_000, newsMs: 10_000 };
/** Milliseconds that the last events have to arrive. */
const IN_FLIGHT_MS = 2_000;

/** Number of its row: it comes after those of the fault table. */
export const FUZZING_ID = 39;

/** 33 to 35 at random: calls and events made from the contracts' schemas, with members coming and going. */
export const fuzzing = ({ calls, events }: Pick<Arguments, 'calls' | 'events'>): AbuseRow => ({
  id: FUZZING_ID,
  name: 'fuzzing from the schemas (33-35)',
  injection: `${calls} REST calls and ${events} socket events: legal values with up to three things wrong in them; members come and go meanwhile`,
  bar: '0 answers of 500, 0 restarts, 0 cross-user reads, no event of a conversation the user was not in',
  run: (trial) => run(trial, calls, events),
});

async function run({ rig, seed, say }: Trial, calls: number, events: number) {
  const findings = new Findings();
  const world = await createFuzzWorld(rig);
  const life = startLife(world, seed);
  const startedAt = performance.now();
  const [restRun, socketRun] = await Promise.allSettled([
    fuzzRest(world, calls, seed),
    fuzzSockets(world, events, seed),
  ]);
  const changes = await life.stop();
  const [rest, sockets] = [settledValue(restRun), settledValue(socketRun)];
  say(`REST: ${rest.summary}`);
  say(`sockets: ${sockets.answers.summary}`);
  await sleep(IN_FLIGHT_MS);
  for (const problem of [...rest.problems, ...sockets.answers.problems]) findings.check(false, problem);
  const violations = world.ledger.violations(TOLERANCE);
  for (const named of violations) {
    const { event, conversationId, userId } = named;
    findings.check(false, `${event} of ${conversationId} reached ${userId}, who ${world.ledger.history(named)}`);
  }
  await strangersStayOut(world, findings);
  for (const person of [...world.fuzzers, ...world.owners]) person.leave();
  // A run that nothing legal came through has tested the checks only.
  findings.check((rest.counts.get('ok') ?? 0) > calls / 50, 'hardly any call was legal');
  findings.check((sockets.answers.counts.get('ok') ?? 0) > events / 50, 'hardly any event was legal');
  findings.check(world.ledger.named.length > 50, 'hardly any event named a conversation');
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  const figure = `${rest.total} calls and ${sockets.answers.total} events in ${minutes} min, seed ${seed}: 0 of 500, ${sockets.cuts} sockets cut for their input, ${changes} changes of members, ${world.ledger.named.length} events that name a conversation, ${violations.length} to outsiders`;
  return {
    injected: rest.total + sockets.answers.total,
    figure: findings.problems.length === 0 ? figure : figure.replace('0 of 500, ', ''),
    problems: findings.problems,
  };
}

/** Both have ended before either's failure ends the row. */
function settledValue<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

/** After all of it, what no fuzzer was ever in is closed to all of them. */
async function strangersStayOut({ fuzzers, foreign }: FuzzWorld, findings: Findings): Promise<void> {
  for (const fuzzer of fuzzers) {
    for (const id of foreign) {
      const reply = await fuzzer.call('GET', `/api/chat/conversation/${id}/messages`);
      findings.check(
        reply.status === 404,
        `${fuzzer.id} reads ${id}: ${codeOf({ status: reply.status, text: JSON.stringify(reply.body), headers: {}, ms: 0 })}`,
      );
    }
  }
}
