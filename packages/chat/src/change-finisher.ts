import { finishAdding, finishRemoving } from './change-members.ts';
import type { ChatContext } from './context.ts';
import { stampChange } from './delete-message.ts';

/** Age in milliseconds after which a mark's writer is taken for crashed. Source: as HOLE_AGE_MS. */
const STALE_MS = 10_000;
const BATCH = 200;

/**
 * Finishes changes whose writers crashed between the change and its stamp.
 * @returns how many it finished
 */
export async function finishChanges(ctx: Pick<ChatContext, 'store' | 'clock'>): Promise<number> {
  const before = new Date(ctx.clock.now() - STALE_MS);
  const [messages, members] = await Promise.all([
    ctx.store.messages.findStaleMarks(before, BATCH),
    ctx.store.memberships.findStaleMarks(before, BATCH),
  ]);
  let finished = 0;
  for (const message of messages) {
    if (message.deletedForEveryone) await ctx.store.media.condemn(message.id, new Date(ctx.clock.now()));
    for (const mark of message.tokens) {
      await stampChange(ctx, message, mark);
      finished++;
    }
  }
  for (const { conversationId, userId, active, tokens } of members) {
    for (const mark of tokens) {
      if (active) await finishAdding(ctx, conversationId, [userId], mark);
      else await finishRemoving(ctx, conversationId, userId, mark);
      finished++;
    }
  }
  return finished;
}
