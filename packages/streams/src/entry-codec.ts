import {
  INBOX_SERIES_VERSION,
  InboxMeta,
  type ReceiptEvent,
  receiptEvents,
  STREAM_VERSION,
  validatorOf,
} from '@confab/contracts';

/** An entry as ioredis gives it; fields are null when it was trimmed while a consumer group still had it pending. */
export type RawEntry = [id: string, fields: string[] | null];

export type Decoded<T> =
  | { kind: 'readable'; value: T }
  /** Of a type that this version does not know, and need not: set aside without harm. */
  | { kind: 'unknown-type' }
  | { kind: 'unreadable'; problem: string };

export function fieldsOf(fields: string[] | null): Record<string, string> {
  const record: Record<string, string> = {};
  for (let i = 0; fields && i + 1 < fields.length; i += 2) record[fields[i] ?? ''] = fields[i + 1] ?? '';
  return record;
}

/** The receipt of an entry of the receipts log. Never throws: whatever anyone wrote there. */
export function decodeReceipt(fields: string[] | null): Decoded<ReceiptEvent> {
  // Without a record of all fields: there is hardly ever another one.
  const envelope = parseEnvelope(fields?.[0] === 'e' && fields.length === 2 ? fields[1] : fieldsOf(fields).e);
  if (envelope.kind !== 'readable') return envelope;
  const { type } = envelope.value;
  if (typeof type !== 'string') return unreadable('it has no type');
  if (!Object.hasOwn(receiptEvents, type)) return { kind: 'unknown-type' };
  const schema = receiptEvents[type as keyof typeof receiptEvents];
  if (!validatorOf(schema).Check(envelope.value)) return unreadable(`it is not a valid "${type}" receipt`);
  return { kind: 'readable', value: envelope.value as unknown as ReceiptEvent };
}

/** What one entry of an inbox carries. */
export interface DecodedInboxEntry {
  /** Those that are readable, in order. */
  events: { meta: InboxMeta; payload: string }[];
  /** Why something in it is not readable. */
  problem?: string;
}

/**
 * The events of an inbox entry: each `p` is the payload of one, the `m` before it its meta; other fields are of newer versions, and ignored.
 * Never throws: whatever anyone wrote there.
 */
export function decodeInboxEntry(fields: string[] | null): DecodedInboxEntry {
  const decoded: DecodedInboxEntry = { events: [] };
  const raw: { m: string; payloads: string[] }[] = [];
  for (let at = 0; fields && at + 1 < fields.length; at += 2) {
    const [name, value = ''] = [fields[at], fields[at + 1]];
    const last = raw.at(-1);
    if (name === 'm') raw.push({ m: value, payloads: [] });
    else if (name === 'p') last?.payloads.push(value);
  }
  if (raw.length === 0) decoded.problem = 'it has not the field that entries have';
  for (const { m, payloads } of raw) {
    const meta = decodeInboxMeta(m);
    if (meta.kind !== 'readable') decoded.problem = meta.kind === 'unreadable' ? meta.problem : 'it has no meta';
    else if (payloads.length === 0) decoded.problem = 'it has no payload';
    else for (const payload of payloads) decoded.events.push({ meta: meta.value, payload });
  }
  return decoded;
}

function decodeInboxMeta(text: string): Decoded<InboxMeta> {
  const envelope = parseEnvelope(text, INBOX_SERIES_VERSION);
  if (envelope.kind !== 'readable') return envelope;
  if (!validatorOf(InboxMeta).Check(envelope.value)) return unreadable('its meta is not valid');
  return { kind: 'readable', value: envelope.value as unknown as InboxMeta };
}

function parseEnvelope(text: string | undefined, newest: number = STREAM_VERSION): Decoded<Record<string, unknown>> {
  if (text === undefined) return unreadable('it has not the field that entries have');
  const value = parseObject(text);
  if (!value) return unreadable('it is not a JSON object');
  const oldestReader = value.min ?? value.v;
  if (typeof oldestReader !== 'number') return unreadable('it has no version');
  if (oldestReader > newest) return unreadable(`it needs a reader of version ${oldestReader}, this is ${newest}`);
  return { kind: 'readable', value };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

function unreadable(problem: string): { kind: 'unreadable'; problem: string } {
  return { kind: 'unreadable', problem };
}
