import type { ConversationRepository, Roster } from './ports/repositories.ts';

/** Conversations whose receipts are applied together. Source: rows of two in each are about 50 kB. */
const CONVERSATIONS_AT_ONCE = 200;
/** Participants of such conversations, so that large groups do not gather. Source: 20,000 rows are about 5 MB. */
const PEOPLE_AT_ONCE = 20_000;

/** The rosters of conversations in parts that have a bounded number of participants together, or are a single one. Unknown ones are left out. */
export async function* rosterParts(
  conversations: Pick<ConversationRepository, 'rostersOf'>,
  ids: readonly string[],
): AsyncGenerator<Roster[]> {
  for (let from = 0; from < ids.length; from += CONVERSATIONS_AT_ONCE) {
    yield* partsOf(await conversations.rostersOf(ids.slice(from, from + CONVERSATIONS_AT_ONCE)));
  }
}

function partsOf(rosters: readonly Roster[]): Roster[][] {
  const parts: Roster[][] = [];
  let people = Number.POSITIVE_INFINITY;
  for (const roster of rosters) {
    people += roster.participants.length;
    if (people <= PEOPLE_AT_ONCE) parts.at(-1)?.push(roster);
    else {
      parts.push([roster]);
      people = roster.participants.length;
    }
  }
  return parts;
}
