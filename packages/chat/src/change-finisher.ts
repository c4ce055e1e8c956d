import { announceMembers, finishAdding, finishRemoving } from './change-members.ts';
import type { ChatContext } from './context.ts';
import { finishDeletion, stampChange } from './delete-message.ts';
import type { Ids } from './ports/environment.ts';
import type { StaleMessageMarks } from './ports/repositories.ts';

/** Age in milliseconds after which a mark's writer is taken for crashed. Source: as HOLE_AGE_MS. */
const STALE_MS = 10_000;
const BATCH = 200;

type FinisherContext = Pick<ChatContext, 'store' | 'clock' | 'publisher' | 'feed' | 'log'> & {
  ids: Pick<Ids, 'token'>;
};

/**
 * Finishes changes whose writers crashed between the change and its stamp, and tells those whom it concerns.
 * @returns how many it finished
 */
export async function finishChanges(ctx: FinisherContext): Promise<number> {
  const before = new Date(ctx.clock.now() - STALE_MS);
  const [messages, members] = await Promise.all([
    ctx.store.messages.findStaleMarks(before, BATCH),
    ctx.store.memberships.findStaleMarks(before, BATCH),
  ]);
  let finished = 0;
  for (const message of messages) {
    for (const mark of message.tokens) {
      await finishMessage(ctx, message, mark);
      finished++;
    }
  }
  // One change may have marked many rows: they are finished and told together.
  const marks = members.flatMap(({ tokens, ...row }) => tokens.map((mark) => ({ ...row, mark })));
  const changes = Map.groupBy(marks, ({ conversationId, mark, active }) => `${conversationId} ${active} ${mark}`);
  for (const rows of changes.values()) {
    await finishMembers(ctx, rows);
    finished += rows.length;
  }
  return finished;
}

async function finishMessage(ctx: FinisherContext, stale: StaleMessageMarks, mark: string): Promise<void> {
  const [[conversation], message] = await Promise.all([
    ctx.store.conversations.findByIds([stale.conversationId]),
    ctx.store.messages.findById(stale.id),
  ]);
  if (!stale.deletedForEveryone || !conversation || !message) return void (await stampChange(ctx, stale, mark));
  // Which media it had is not in it any more.
  await finishDeletion(ctx, message, conversation, { mark, hasUploads: true, traceId: ctx.ids.token() });
}

interface MarkedRow {
  conversationId: string;
  userId: string;
  active: boolean;
  mark: string;
}

async function finishMembers(ctx: FinisherContext, rows: readonly MarkedRow[]): Promise<void> {
  const [first] = rows;
  if (!first) return;
  const { conversationId, active, mark } = first;
  const userIds = rows.map((row) => row.userId);
  // A group that is full by now lets nobody in, and there is nothing to tell.
  if (active && !(await finishAdding(ctx, conversationId, userIds, mark))) return;
  if (!active) for (const userId of userIds) await finishRemoving(ctx, conversationId, userId, mark);
  const [conversation] = await ctx.store.conversations.findByIds([conversationId]);
  const change = active ? 'member-added' : 'member-removed';
  if (conversation) await announceMembers(ctx, conversation, { change, userIds, traceId: ctx.ids.token() });
}
