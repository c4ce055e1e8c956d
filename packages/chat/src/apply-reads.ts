import { limits, type ReadReceipt } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { AT_ONCE, inBatches } from './in-batches.ts';
import type { MessageAuthor, Roster, WatermarkMove } from './ports/repositories.ts';
import { outbound, publishOrLeaveToSync } from './publish.ts';
import { rosterParts } from './roster-parts.ts';

type WorkerContext = Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'log'>;

/** A receipt of a member, with what it says resolved. */
interface Read {
  roster: Roster;
  userId: string;
  /** Absent: where the member's watermark was. */
  fromSeq: number | undefined;
  to: number;
  traceId: string;
}

/** What one event tells of: from < seq <= to. */
type ReadRange = Read & { from: number };

/**
 * Moves readSeq of the readers up, then tells the senders of what was read, and the reader's own devices: one event per reader and conversation
 * for what receipts of one batch say, unless it is more than an event may name.
 * @param redelivered the entries came before and their worker may have died between the two steps: told again then
 * @param onPart called when some of the conversations are through
 */
export async function applyReads(
  ctx: WorkerContext,
  receipts: readonly ReadReceipt[],
  redelivered = false,
  onPart: () => void = () => {},
): Promise<void> {
  const byConversation = Map.groupBy(receipts, (receipt) => receipt.conversationId);
  for await (const rosters of rosterParts(ctx.store.conversations, [...byConversation.keys()])) {
    const reads = await inBatches(rosters, AT_ONCE, (roster) =>
      readsIn(ctx, roster, byConversation.get(roster.id) ?? []),
    );
    await applyTo(ctx, reads.flat(), redelivered);
    onPart();
  }
}

/** Receipts of members; whoever has left is passed over. */
async function readsIn(ctx: WorkerContext, roster: Roster, receipts: readonly ReadReceipt[]): Promise<Read[]> {
  const members = new Set(roster.participants);
  const ofMembers = receipts.filter(({ userId }) => members.has(userId));
  const highest = await highestNamed(ctx, roster.id, ofMembers);
  return ofMembers.map((receipt) => ({
    roster,
    userId: receipt.userId,
    fromSeq: receipt.fromSeq,
    to: Math.min(roster.seq, receipt.toSeq ?? highest(receipt)),
    traceId: receipt.traceId,
  }));
}

/** Ids of one look-up. */
const IDS_AT_ONCE = 500;

/** For receipts that name messages, or nothing for everything, instead of a seq. */
async function highestNamed(
  ctx: WorkerContext,
  conversationId: string,
  receipts: readonly ReadReceipt[],
): Promise<(receipt: ReadReceipt) => number> {
  const open = receipts.filter(({ toSeq }) => toSeq === undefined);
  const ids = [...new Set(open.flatMap(({ messageIds }) => messageIds ?? []))];
  const newest = open.some(({ messageIds }) => messageIds === undefined)
    ? ((await ctx.store.messages.newest(conversationId))?.seq ?? 0)
    : 0;
  const seqs = new Map<string, number>();
  for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
    const rows = await ctx.store.messages.findByIds(conversationId, ids.slice(from, from + IDS_AT_ONCE));
    for (const { id, seq } of rows) seqs.set(id, seq);
  }
  return ({ messageIds }) =>
    messageIds === undefined ? newest : messageIds.reduce((highest, id) => Math.max(highest, seqs.get(id) ?? 0), 0);
}

/** Events under way at once. Source: each names at most 500 messages, about 13 kB. */
const TOLD_AT_ONCE = 200;

async function applyTo(ctx: WorkerContext, reads: readonly Read[], redelivered: boolean): Promise<void> {
  if (reads.length === 0) return;
  const byConversation = Map.groupBy(reads, ({ roster }) => roster.id);
  const rows = await ctx.store.memberships.ofConversations([...byConversation.keys()]);
  const before = new Map(rows.map(({ conversationId, userId, readSeq }) => [`${conversationId} ${userId}`, readSeq]));
  const members = [...Map.groupBy(reads, ({ roster, userId }) => `${roster.id} ${userId}`)];
  await ctx.store.memberships.raise(members.flatMap(([key, own]) => moveOf(own, before.get(key))));
  const ranges = members.flatMap(([key, own]) => rangesOf(own, before.get(key) ?? 0, redelivered));
  const found = await inBatches([...Map.groupBy(ranges, ({ roster }) => roster.id).values()], AT_ONCE, (list) =>
    withAuthors(ctx, list),
  );
  await inBatches(found.flat(), TOLD_AT_ONCE, ({ range, authors }) => tell(ctx, range, authors));
}

/** Who has read a message has received it. Where the watermark stands there already there is nothing to write. */
function moveOf(reads: readonly Read[], before: number | undefined): WatermarkMove[] {
  const [{ roster, userId } = {}] = reads;
  const seq = Math.max(...reads.map(({ to }) => to));
  if (!roster || userId === undefined || seq <= (before ?? 0)) return [];
  return [{ conversationId: roster.id, userId, readSeq: seq, deliveredSeq: seq, known: before !== undefined }];
}

/** What there is to tell of one reader in one conversation: ranges that touch each other are one, as long as an event may name them. */
function rangesOf(reads: readonly Read[], before: number, redelivered: boolean): ReadRange[] {
  const ranges: ReadRange[] = [];
  let reached = before;
  for (const read of reads.toSorted((a, b) => a.to - b.to)) {
    const from = read.fromSeq ?? (redelivered ? Math.max(0, read.to - limits.readIds) : reached);
    if (read.fromSeq === undefined) reached = Math.max(reached, read.to);
    if (read.to <= from) continue;
    const last = ranges.at(-1);
    const start = Math.min(from, last?.from ?? from);
    if (last && from <= last.to && read.to - start <= limits.readIds)
      ranges[ranges.length - 1] = { ...read, from: start };
    else ranges.push({ ...read, from });
  }
  return ranges;
}

/** The authors of ranges of one conversation: with one look-up, if they are close together. */
async function withAuthors(
  ctx: WorkerContext,
  ranges: readonly ReadRange[],
): Promise<{ range: ReadRange; authors: MessageAuthor[] }[]> {
  const from = Math.min(...ranges.map((range) => range.from));
  const to = Math.max(...ranges.map((range) => range.to));
  const lookUp = (id: string, above: number, upTo: number) =>
    ctx.store.messages.authors(id, above, upTo, limits.readIds);
  if (to - from > limits.readIds)
    return inBatches(ranges, 1, async (range) => ({
      range,
      authors: await lookUp(range.roster.id, range.from, range.to),
    }));
  const all = await lookUp(ranges[0]?.roster.id ?? '', from, to);
  return ranges.map((range) => ({ range, authors: all.filter(({ seq }) => seq > range.from && seq <= range.to) }));
}

/** @param authors the newest first */
async function tell(ctx: WorkerContext, range: ReadRange, authors: readonly MessageAuthor[]): Promise<void> {
  const { roster, userId, to, traceId } = range;
  const conversationId = roster.id;
  const read = authors.filter((author) => author.senderId !== userId);
  if (read.length === 0) return;
  const payload = { conversationId, messageIds: read.map((m) => m.messageId).reverse(), readBy: userId, readSeq: to };
  const event = outbound('messages:read', payload, { traceId, conversationId });
  // Who wrote here and has left since hears no more of it.
  const senders = new Set([userId, ...read.map((m) => m.senderId)]);
  const members = roster.participants.filter((id) => senders.has(id));
  await publishOrLeaveToSync(ctx, event, members);
}
