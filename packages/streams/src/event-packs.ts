import type { InboxMeta } from '@confab/contracts';

/** Events of one inbox entry at most. */
export const PACK_EVENTS = 32;
/** Characters of one inbox entry, unless a single event is longer. Source: 25 messages of 600 bytes; see DEFAULT_INBOX_LENGTH. */
export const PACK_CHARACTERS = 16_384;

export interface PackedEvent {
  /** @param packed whether the entry carries other events too */
  metaOf(packed: boolean): InboxMeta;
  /** JSON. */
  payload: string;
}

/**
 * Puts events into as few inbox entries as their bounds allow, in order.
 * @returns the fields of each entry: `m`, `p`, or several of these pairs
 */
export function packEvents(events: readonly PackedEvent[]): string[][] {
  return groupsOf(events).map((group) =>
    group.flatMap(({ metaOf, payload }) => ['m', JSON.stringify(metaOf(group.length > 1)), 'p', payload]),
  );
}

function groupsOf(events: readonly PackedEvent[]): PackedEvent[][] {
  const groups: PackedEvent[][] = [];
  let characters = 0;
  for (const event of events) {
    const group = groups.at(-1);
    characters += event.payload.length;
    if (group && group.length < PACK_EVENTS && characters <= PACK_CHARACTERS) {
      group.push(event);
    } else {
      groups.push([event]);
      characters = event.payload.length;
    }
  }
  return groups;
}
