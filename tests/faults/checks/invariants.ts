import { eventually } from '@confab/testkit';
import type { Load } from '../load.ts';
import type { Rig } from '../rig.ts';
import { doubledDeliveries, missingDeliveries } from './delivery.ts';
import { checkHistory, openHoles, readHistory } from './history.ts';
import { fallenProcesses, type MemoryWatch } from './processes.ts';
import { wrongUnreadCounts } from './unread.ts';

export interface Violation {
  invariant: 'A' | 'B' | 'C' | 'D' | 'E';
  detail: string;
}

/** Milliseconds. A hole is filled after 10 s (and an orphan's look-back); what is waiting to be delivered comes far sooner. */
const HOLES_MS = 25_000;
const DELIVERY_MS = 20_000;
const UNREAD_MS = 10_000;

/** All of A to E, from outside, after the load has ended. @returns what does not hold; waits for what may still be settling */
export async function checkInvariants(rig: Rig, load: Load, memory: MemoryWatch): Promise<Violation[]> {
  const of = (invariant: Violation['invariant']) => (detail: string) => ({ invariant, detail });
  const delivered = await settled(async () => missingDeliveries(load), DELIVERY_MS);
  const holes = await settled(() => openHoles(rig, load.conversations), HOLES_MS);
  const history: string[] = [];
  for (const { id, members } of load.conversations) {
    for (const reader of [members[0] ?? '', members.at(-1) ?? '']) {
      history.push(...checkHistory(await readHistory(rig, id, reader), id, load.ledger));
    }
  }
  const unread = await settled(() => wrongUnreadCounts(rig, load), UNREAD_MS);
  const unanswered = load.ledger.open.map(
    ({ clientMessageId, errors }) => `${clientMessageId} was never acknowledged: ${errors.slice(-3).join(', ')}`,
  );
  return [
    ...[...history, ...holes, ...load.ledger.contradictions, ...unanswered].map(of('A')),
    ...[...delivered, ...doubledDeliveries(load)].map(of('B')),
    ...load.statuses.regressions.map(of('C')),
    ...unread.map(of('D')),
    ...[...fallenProcesses(rig), ...memory.problems()].map(of('E')),
  ];
}

/** Looks until nothing is wrong any more. @returns what is still wrong at the deadline */
async function settled(look: () => Promise<string[]>, deadlineMs: number): Promise<string[]> {
  let problems: string[] = [];
  const quiet = async () => {
    problems = await look();
    return problems.length === 0;
  };
  await eventually(quiet, deadlineMs, 250).catch(() => {}); // what is wrong is the answer
  return problems;
}
