import { type DeliveredReceipt, limits } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { AT_ONCE, inBatches } from './in-batches.ts';
import type { OutboundEvent } from './ports/bus.ts';
import type { DeliveredMark, MessageAuthor, Roster, WatermarkMove } from './ports/repositories.ts';
import { encoded } from './publish.ts';
import { rosterParts } from './roster-parts.ts';
import { lowestTwo } from './views.ts';

type WorkerContext = Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'log'>;

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
  for await (const rosters of rosterParts(ctx.store.conversations, [...byConversation.keys()])) {
    await applyTo(ctx, rosters, byConversation, redelivered);
    onPart();
  }
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
  await lookAgain(ctx, steps);
  await tellSenders(ctx, (await inBatches(steps, AT_ONCE, (step) => announcementsOf(ctx, step))).flat());
}

/**
 * In a group another worker may have moved another member at the same moment: each had read the other's mark as it was, and neither would tell. The last one to look
 * finds both; in a tie both do, and tell twice.
 */
async function lookAgain(ctx: WorkerContext, steps: readonly DeliveredStep[]): Promise<void> {
  const groups = steps.filter(({ moves, roster }) => moves.length > 0 && roster.participants.length > 2);
  if (groups.length === 0) return;
  const rows = await ctx.store.memberships.deliveredIn(groups.map(({ roster }) => roster.id));
  const members = Map.groupBy(rows, (row) => row.conversationId);
  for (const step of groups) {
    const marks = new Map(members.get(step.roster.id)?.map((row) => [row.userId, row.deliveredSeq]));
    const lowest = lowestTwo(step.roster.participants, (id) => marks.get(id) ?? 0);
    step.after = (senderId) => lowest.withoutUser(senderId);
  }
}

interface DeliveredStep {
  roster: Roster;
  moves: WatermarkMove[];
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
    moves: moved.map(([userId, deliveredSeq]) => ({
      ...{ conversationId: roster.id, userId, deliveredSeq, known: old.has(userId) },
    })),
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
