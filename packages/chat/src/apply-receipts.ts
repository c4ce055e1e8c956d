import { type DeliveredReceipt, limits, type ReadReceipt } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { AT_ONCE, inBatches } from './in-batches.ts';
import type { OutboundEvent } from './ports/bus.ts';
import type { DeliveredMark, MessageAuthor, Roster } from './ports/repositories.ts';
import { encoded, outbound, publishOrLeaveToSync } from './publish.ts';
import { lowestTwo } from './views.ts';

type WorkerContext = Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'log'>;

/** Conversations whose receipts are applied together. Source: rows of two in each are about 50 kB. */
const CONVERSATIONS_AT_ONCE = 200;
/** Participants of such conversations, so that large groups do not gather. Source: 20,000 rows are about 5 MB. */
const PEOPLE_AT_ONCE = 20_000;

/**
 * Moves deliveredSeq of everybody named, then tells senders of each message that has now reached every other member.
 * Repeating it changes nothing: watermarks only grow, and a message is told of when it crosses them.
 * @param redelivered the entries came before and their worker may have died between the two steps: what they name is told again
 * @param onPart called when some of the conversations are through
 */
export async function applyDelivered(
  ctx: WorkerContext,
  receipts: readonly DeliveredReceipt[],
  redelivered = false,
  onPart: () => void = () => {},
): Promise<void> {
  const byConversation = Map.groupBy(receipts, (receipt) => receipt.conversationId);
  const ids = [...byConversation.keys()];
  for (let from = 0; from < ids.length; from += CONVERSATIONS_AT_ONCE) {
    const rosters = await ctx.store.conversations.rostersOf(ids.slice(from, from + CONVERSATIONS_AT_ONCE));
    for (const part of inParts(rosters)) {
      await applyTo(ctx, part, byConversation, redelivered);
      onPart();
    }
  }
}

/** Lists of conversations that have a bounded number of participants together, or are a single one. */
function inParts(rosters: readonly Roster[]): Roster[][] {
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

async function applyTo(
  ctx: WorkerContext,
  rosters: readonly Roster[],
  receipts: ReadonlyMap<string, readonly DeliveredReceipt[]>,
  redelivered: boolean,
): Promise<void> {
  const rows = await ctx.store.memberships.deliveredIn(rosters.map((roster) => roster.id));
  const members = Map.groupBy(rows, (row) => row.conversationId);
  const steps = rosters.map((roster) =>
    deliveredStep(roster, members.get(roster.id) ?? [], receipts.get(roster.id) ?? [], redelivered),
  );
  await ctx.store.memberships.raise(steps.flatMap((step) => step.moves));
  await tellSenders(ctx, (await inBatches(steps, AT_ONCE, (step) => announcementsOf(ctx, step))).flat());
}

interface DeliveredStep {
  roster: Roster;
  moves: { conversationId: string; userId: string; deliveredSeq: number }[];
  /** For a sender: the highest seq that had reached all others before, and has now. */
  before(senderId: string): number;
  after(senderId: string): number;
  /** What the receipts name, as they came. */
  items: MessageAuthor[];
  traceId: string;
}

function deliveredStep(
  roster: Roster,
  rows: readonly DeliveredMark[],
  receipts: readonly DeliveredReceipt[],
  redelivered: boolean,
): DeliveredStep {
  const old = new Map(rows.map((row) => [row.userId, row.deliveredSeq]));
  const now = new Map(old);
  const members = new Set(roster.participants);
  const items: MessageAuthor[] = [];
  let lowestNamed = Number.POSITIVE_INFINITY;
  for (const receipt of receipts) {
    let highest = 0;
    for (const item of receipt.items) {
      items.push(item);
      if (item.seq < lowestNamed) lowestNamed = item.seq;
      if (item.seq > highest) highest = item.seq;
    }
    const seq = Math.min(roster.seq, highest);
    for (const userId of receipt.userIds) {
      if (members.has(userId) && seq > (now.get(userId) ?? 0)) now.set(userId, seq);
    }
  }
  const moved = [...now].filter(([userId, seq]) => seq > (old.get(userId) ?? 0));
  const lowestBefore = lowestTwo(roster.participants, (id) => old.get(id) ?? 0);
  const firstTold = redelivered ? lowestNamed : Number.POSITIVE_INFINITY;
  const lowestAfter = lowestTwo(roster.participants, (id) => now.get(id) ?? 0);
  return {
    roster,
    moves: moved.map(([userId, deliveredSeq]) => ({ conversationId: roster.id, userId, deliveredSeq })),
    before: (senderId) => Math.min(lowestBefore.withoutUser(senderId), firstTold - 1),
    after: (senderId) => lowestAfter.withoutUser(senderId),
    items,
    traceId: receipts[0]?.traceId ?? '',
  };
}

/** Messages told of at once when a watermark jumps over many: the newest. Older ones show with the next page or sync. */
const ANNOUNCED = limits.readIds;

/** Messages of one sender in one conversation, in order, of which they are told. */
interface Announcement {
  step: DeliveredStep;
  senderId: string;
  authors: MessageAuthor[];
}

/** What there is to tell after a step: to each sender, in the order of the messages. */
async function announcementsOf(ctx: WorkerContext, step: DeliveredStep): Promise<Announcement[]> {
  const reach = new Map(step.roster.participants.map((id) => [id, { from: step.before(id), to: step.after(id) }]));
  const senders = [...reach.values()].filter(({ from, to }) => to > from);
  if (senders.length === 0) return [];
  const from = Math.min(...senders.map((sender) => sender.from));
  const to = Math.max(...senders.map((sender) => sender.to));
  const crossed = (await authorsBetween(ctx, step, from, to)).filter(({ senderId, seq }) => {
    const own = reach.get(senderId);
    return own !== undefined && seq > own.from && seq <= own.to;
  });
  const bySender = Map.groupBy(crossed, ({ senderId }) => senderId);
  return [...bySender].map(([senderId, authors]) => ({ step, senderId, authors }));
}

/** One event per message, as the payloads of one publication. */
function deliveredEvent({ step: { roster, moves, traceId }, senderId, authors }: Announcement): OutboundEvent {
  const conversationId = roster.id;
  // The last one to receive is named.
  const deliveredTo = moves.find(({ userId }) => userId !== senderId)?.userId ?? '';
  const [payload = '', ...more] = authors.map(({ messageId, seq }) =>
    encoded('message:delivered', { messageId, conversationId, seq, deliveredTo }),
  );
  const about = { event: 'message:delivered', payload, traceId, conversationId } as const;
  return more.length > 0 ? { ...about, more } : about;
}

/** Messages told of at once. Source: as many as a full batch of receipts usually gives; about 1 MB. */
const TOLD_AT_ONCE = 4_000;

/**
 * They are handed to the publisher together, because it packs what comes together, and in order, which it keeps. What is not taken is
 * left to sync: the watermark has moved.
 */
async function tellSenders(ctx: WorkerContext, announcements: readonly Announcement[]): Promise<void> {
  let part: Announcement[] = [];
  let told = 0;
  for (const announcement of announcements) {
    part.push(announcement);
    told += announcement.authors.length;
    if (told < TOLD_AT_ONCE) continue;
    await tellTogether(ctx, part);
    [part, told] = [[], 0];
  }
  await tellTogether(ctx, part);
}

async function tellTogether(ctx: WorkerContext, announcements: readonly Announcement[]): Promise<void> {
  const outcomes = await Promise.allSettled(
    announcements.map((announcement) => ctx.publisher.publish(deliveredEvent(announcement), [announcement.senderId])),
  );
  announcements.forEach(({ step: { roster, traceId }, authors }, index) => {
    const outcome = outcomes[index];
    for (const { messageId, seq } of authors) {
      const fields = { traceId, messageId, conversationId: roster.id, seq };
      if (outcome?.status === 'rejected')
        ctx.log.warn({ ...fields, err: outcome.reason }, 'delivery not announced; the sender will find it by sync');
      else ctx.log.debug(fields, 'message delivered');
    }
  });
}

/** In order. The receipts name what they are about; only where a watermark jumped over more is the store asked. */
async function authorsBetween(
  ctx: WorkerContext,
  step: DeliveredStep,
  from: number,
  to: number,
): Promise<MessageAuthor[]> {
  const inOrder = (authors: readonly MessageAuthor[]) => authors.toSorted((a, b) => a.seq - b.seq);
  const named = inOrder(step.items.filter(({ seq }) => seq > from && seq <= to));
  // Several receipts may name one message.
  const known = named.filter(({ seq }, i) => seq !== named[i - 1]?.seq);
  if (known.length === to - from && known.length <= ANNOUNCED) return known;
  return inOrder(await ctx.store.messages.authors(step.roster.id, from, to, ANNOUNCED));
}

/**
 * Moves readSeq of the reader up, then tells the senders of what was read, and the reader's own devices.
 * @param redelivered the entry came before and its worker may have died between the two steps: told again then
 */
export async function applyRead(ctx: WorkerContext, receipt: ReadReceipt, redelivered: boolean): Promise<void> {
  const { conversationId, userId } = receipt;
  const [conversation] = await ctx.store.conversations.rostersOf([conversationId]);
  if (!conversation?.participants.includes(userId)) return;
  const range = await readRange(ctx, conversation, receipt, redelivered);
  if (range.to <= range.from) return;
  const authors = await ctx.store.messages.authors(conversationId, range.from, range.to, limits.readIds);
  const read = authors.filter((author) => author.senderId !== userId);
  if (read.length === 0) return;
  const payload = {
    conversationId,
    messageIds: read.map((m) => m.messageId).reverse(),
    readBy: userId,
    readSeq: range.to,
  };
  const event = outbound('messages:read', payload, { traceId: receipt.traceId, conversationId });
  // Who wrote here and has left since hears no more of it.
  const senders = new Set([userId, ...read.map((m) => m.senderId)]);
  const members = conversation.participants.filter((id) => senders.has(id));
  await publishOrLeaveToSync(ctx, event, members);
}

async function readRange(
  ctx: WorkerContext,
  conversation: Roster,
  receipt: ReadReceipt,
  redelivered: boolean,
): Promise<{ from: number; to: number }> {
  const { toSeq, fromSeq } = receipt;
  const to = Math.min(conversation.seq, toSeq ?? (await highestNamed(ctx, conversation.id, receipt.messageIds)));
  const { before } = await ctx.store.memberships.raiseRead(conversation.id, receipt.userId, to);
  if (fromSeq !== undefined) return { from: fromSeq, to };
  return { from: redelivered ? Math.max(0, to - limits.readIds) : before, to };
}

async function highestNamed(
  ctx: WorkerContext,
  conversationId: string,
  ids: readonly string[] | undefined,
): Promise<number> {
  if (ids === undefined) return (await ctx.store.messages.newest(conversationId))?.seq ?? 0;
  const rows = await ctx.store.messages.findByIds(conversationId, [...new Set(ids)]);
  return rows.reduce((highest, row) => Math.max(highest, row.seq), 0);
}
