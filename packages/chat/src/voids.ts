import type { ChatContext } from './context.ts';
import type { ConversationActivity, SeqRange } from './ports/repositories.ts';
import { previewOf } from './views.ts';

type VoidContext = Pick<ChatContext, 'store' | 'clock'>;

/**
 * Fills a seq whose message will never come, and puts the preview back if it shows that message.
 * @param previewMessageId the id that the sender put into the preview when it took this seq, if known
 * @returns false if a message was there after all
 */
export async function voidSeq(
  ctx: VoidContext,
  conversationId: string,
  seq: number,
  previewMessageId?: string,
): Promise<boolean> {
  const filled = await ctx.store.messages.fillVoid(conversationId, seq, new Date(ctx.clock.now()));
  if (!filled) return false;
  const shown = previewMessageId ?? (await shownBy(ctx, conversationId, seq));
  if (shown) await restorePreview(ctx, conversationId, shown);
  return true;
}

/** Puts the preview back to the newest real message, if it (still) shows the message `shown`. */
async function restorePreview(ctx: VoidContext, conversationId: string, shown: string): Promise<void> {
  const newest = await ctx.store.messages.newest(conversationId);
  if (newest?.id === shown) return;
  await ctx.store.conversations.replacePreview(conversationId, shown, newest && previewOf(newest));
  // Whoever deleted it between the two did not find it in the preview.
  const now = newest && (await ctx.store.messages.findById(newest.id));
  if (now?.deletedAt) await ctx.store.conversations.replacePreview(conversationId, now.id, previewOf(now));
}

async function shownBy(ctx: VoidContext, conversationId: string, seq: number): Promise<string | undefined> {
  const [conversation] = await ctx.store.conversations.findByIds([conversationId]);
  return conversation?.lastMessage?.seq === seq ? conversation.lastMessage.messageId : undefined;
}

/** Age in milliseconds after which a hole is filled. Source: DESIGN; twice the longest time that a store operation may take, and more. */
export const HOLE_AGE_MS = 10_000;
/** Conversations looked at in one query. */
const RANGE_BATCH = 50;
/** Conversations on one page of the scan. */
const SCAN_LIMIT = 1_000;
/** The filler notes durably how far a conversation is dense once that moved by this many messages. */
const NOTE_EVERY = 64;

/**
 * Finds seqs that were taken and never used, and fills those that it has seen missing for HOLE_AGE_MS. Several workers may run it side by side: filling is
 * idempotent. It remembers in memory what it saw; after a restart a hole waits HOLE_AGE_MS once more.
 */
export function createHoleFiller(ctx: VoidContext, startAt: Date) {
  const missingSince = new Map<string, number>();
  const denseUpTo = new Map<string, number>();
  let since = startAt;
  /** Of the conversations with a hole that the pass has seen, when the one that has been quiet longest was active. */
  let oldestOpen = Number.POSITIVE_INFINITY;
  const active = (from: Date) => ctx.store.conversations.activeSince(from, SCAN_LIMIT);

  const inspect = async (batch: ConversationActivity[]): Promise<number> => {
    const ranges = batch
      .map((c) => ({ conversationId: c.id, fromSeq: Math.max(c.denseSeq, denseUpTo.get(c.id) ?? 0), toSeq: c.seq }))
      .filter((r) => r.fromSeq < r.toSeq);
    const present = await ctx.store.messages.presentSeqs(ranges);
    let filled = 0;
    const activity = new Map(batch.map((c) => [c.id, c]));
    for (const range of ranges) {
      const { preview, updatedAt } = activity.get(range.conversationId) as ConversationActivity;
      const rows = present.get(range.conversationId) ?? new Map();
      const settled = await settle(range, rows);
      filled += settled.filled;
      if (settled.dense === range.toSeq) await checkPreview(range, rows, preview);
      else oldestOpen = Math.min(oldestOpen, updatedAt.getTime());
    }
    return filled;
  };

  /**
   * Looks at a preview that was put back, or whose message became a void: its writer may have crashed in between, or a message that was
   * on its way then has arrived since.
   */
  const checkPreview = async (
    { conversationId, toSeq }: SeqRange,
    rows: ReadonlyMap<number, { void: boolean }>,
    shown: ConversationActivity['preview'] | undefined,
  ): Promise<void> => {
    if (shown && (shown.seq < toSeq || rows.get(toSeq)?.void))
      await restorePreview(ctx, conversationId, shown.messageId);
  };

  const settle = async (
    range: SeqRange,
    present: ReadonlyMap<number, unknown>,
  ): Promise<{ filled: number; dense: number }> => {
    let filled = 0;
    let dense = range.fromSeq;
    for (let seq = range.fromSeq + 1; seq <= range.toSeq; seq++) {
      const key = `${range.conversationId}:${seq}`;
      const overdue = !present.has(seq) && isOld(key);
      if (overdue && (await voidSeq(ctx, range.conversationId, seq))) filled++;
      const closed = present.has(seq) || overdue;
      if (closed) missingSince.delete(key);
      if (closed && dense === seq - 1) dense = seq;
    }
    await note(range.conversationId, range.fromSeq, dense);
    return { filled, dense };
  };

  const isOld = (key: string): boolean => {
    const first = missingSince.get(key) ?? ctx.clock.now();
    missingSince.set(key, first);
    return ctx.clock.now() - first >= HOLE_AGE_MS;
  };

  const note = async (conversationId: string, from: number, dense: number): Promise<void> => {
    if (dense === from) return;
    denseUpTo.delete(conversationId);
    denseUpTo.set(conversationId, dense);
    if (denseUpTo.size > 50_000) denseUpTo.delete(denseUpTo.keys().next().value as string);
    if (Math.floor(dense / NOTE_EVERY) > Math.floor(from / NOTE_EVERY))
      await ctx.store.conversations.setDenseSeq(conversationId, dense);
  };

  return {
    /** One pass. @returns how many holes it filled */
    async run(): Promise<number> {
      const startedAt = ctx.clock.now();
      oldestOpen = Number.POSITIVE_INFINITY;
      let filled = 0;
      let from = since;
      for (let page = await active(from); page.length > 0; page = await active(from)) {
        for (let i = 0; i < page.length; i += RANGE_BATCH) filled += await inspect(page.slice(i, i + RANGE_BATCH));
        if (page.length < SCAN_LIMIT) break;
        from = new Date(Math.max(from.getTime() + 1, (page.at(-1) as ConversationActivity).updatedAt.getTime()));
      }
      // A conversation stays in view until it was quiet for longer than a hole needs to become old, and for as long as it has one: what is seen
      // first when all workers or the store were away for longer than that is as old as their absence.
      since = new Date(Math.max(since.getTime(), Math.min(startedAt - 3 * HOLE_AGE_MS, oldestOpen)));
      return filled;
    },
  };
}
