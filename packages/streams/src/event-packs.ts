import type { InboxMeta } from '@confab/contracts';

/** Events of one inbox entry at most. */
export const PACK_EVENTS = 32;
/** Bytes of one inbox entry, recipients included, unless a single event is longer. Source: 20 messages of 600 bytes; see DEFAULT_INBOX_LENGTH. */
export const PACK_BYTES = 16_384;

export interface PackedEvent {
  /** @param packed whether the entry carries other events too */
  metaOf(packed: boolean): InboxMeta;
  /** JSON. */
  payload: string;
  recipients: readonly string[];
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
  let bytes = 0;
  for (const event of events) {
    const group = groups.at(-1);
    const own = sizeOf(event);
    bytes += own;
    if (group && group.length < PACK_EVENTS && bytes <= PACK_BYTES) {
      group.push(event);
    } else {
      groups.push([event]);
      bytes = own;
    }
  }
  return groups;
}

/** Bytes of the rest of a meta, about: ids, names and numbers. */
const META_BYTES = 350;

/** Bytes of payload and recipients, which are what has no bound of its own; a group of a thousand has 40 KB of them. */
function sizeOf({ payload, recipients }: PackedEvent): number {
  let bytes = Buffer.byteLength(payload) + META_BYTES;
  for (const userId of recipients) bytes += Buffer.byteLength(userId) + 3;
  return bytes;
}
