import { INBOX_PACK_VERSION, INBOX_SERIES_VERSION, type InboxMeta, STREAM_VERSION } from '@confab/contracts';

/** Events of one inbox entry at most. */
export const PACK_EVENTS = 32;
/** Bytes of one inbox entry, recipients included, unless a single event is longer. Source: 20 messages of 600 bytes; see DEFAULT_INBOX_LENGTH. */
export const PACK_BYTES = 16_384;

/** One event, or several that differ in nothing but their payloads. */
export interface PackedEvents {
  /** @param version the oldest that reads the entry as it is meant */
  metaOf(version: number): InboxMeta;
  /** JSON, at least one. */
  payloads: readonly string[];
  recipients: readonly string[];
}

/** Those of `PackedEvents` that are in one entry. */
interface Part {
  events: PackedEvents;
  payloads: string[];
}

interface Entry {
  parts: Part[];
  size: number;
  bytes: number;
}

/**
 * Puts events into as few inbox entries as their bounds allow, in order.
 * @returns the fields of each entry: `m`, `p`, or several of these, or a `m` with several `p`
 */
export function packEvents(list: readonly PackedEvents[]): string[][] {
  return entriesOf(list).map(fieldsOf);
}

function fieldsOf({ parts }: Entry): string[] {
  const fields: string[] = [];
  const alone = parts.length === 1 ? STREAM_VERSION : INBOX_PACK_VERSION;
  for (const { events, payloads } of parts) {
    const meta = events.metaOf(payloads.length === 1 ? alone : INBOX_SERIES_VERSION);
    fields.push('m', JSON.stringify(meta));
    for (const payload of payloads) fields.push('p', payload);
  }
  return fields;
}

function entriesOf(list: readonly PackedEvents[]): Entry[] {
  const entries: Entry[] = [];
  let entry: Entry | undefined;
  for (const events of list) {
    const metaBytes = metaBytesOf(events);
    let part: Part | undefined;
    for (const payload of events.payloads) {
      const bytes = Buffer.byteLength(payload);
      if (!entry || entry.size >= PACK_EVENTS || entry.bytes + bytes + (part ? 0 : metaBytes) > PACK_BYTES) {
        entry = { parts: [], size: 0, bytes: 0 };
        entries.push(entry);
        part = undefined;
      }
      if (!part) {
        part = { events, payloads: [] };
        entry.parts.push(part);
        entry.bytes += metaBytes;
      }
      part.payloads.push(payload);
      entry.size += 1;
      entry.bytes += bytes;
    }
  }
  return entries;
}

/** Bytes of the rest of a meta, about: ids, names and numbers. */
const META_BYTES = 350;

/** Bytes of a meta with its recipients, which are what has no bound of its own; a group of a thousand has 40 KB of them. */
function metaBytesOf({ recipients }: PackedEvents): number {
  let bytes = META_BYTES;
  for (const userId of recipients) bytes += Buffer.byteLength(userId) + 3;
  return bytes;
}
