import type { ChatContext } from './context.ts';
import type { StoredConversation, StoredMessage } from './model.ts';
import { densePrefix, type SyncCursor } from './sync-cursor.ts';

export interface SyncPage {
  /** New messages, ascending, without voids. */
  messages: StoredMessage[];
  /** Messages at or below the cursor that changed. */
  changes: StoredMessage[];
  /** What a cursor after this page may say. */
  upToSeq: number;
  upToChange: number;
  complete: boolean;
  /** The page ended before a seq that is taken and not stored yet. */
  hole: boolean;
}

/** Changes in flight in one conversation at one moment. More are possible in theory: then the cursor stays where it is. */
const MARKED_LIMIT = 1_000;

/**
 * Reads what lies above a cursor. `conversation` (the counters) must have been read before this is called: then whatever is numbered up to the
 * counters is either stamped, or still marked, when the rows are read, and no cursor passes a write in flight.
 * @param budget rows that the whole reply may still hold; what the page takes is subtracted
 */
export async function readSyncPage(
  ctx: Pick<ChatContext, 'store'>,
  conversation: StoredConversation,
  from: SyncCursor,
  budget: { left: number },
): Promise<SyncPage> {
  const fresh = await freshRows(ctx, conversation, from.seq, budget.left);
  budget.left -= fresh.rows.length;
  const changed = await changedRows(ctx, conversation, { ...from, upToSeq: fresh.upToSeq }, Math.max(1, budget.left));
  budget.left -= changed.rows.length;
  return {
    messages: fresh.rows.filter((row) => !row.void),
    changes: changed.rows,
    upToSeq: fresh.upToSeq,
    upToChange: changed.upToChange,
    complete: fresh.upToSeq === conversation.seq && changed.complete,
    hole: fresh.hole,
  };
}

async function freshRows(
  ctx: Pick<ChatContext, 'store'>,
  { id, seq }: StoredConversation,
  fromSeq: number,
  room: number,
) {
  const wanted = Math.min(seq - fromSeq, room);
  if (wanted <= 0) return { rows: [], upToSeq: fromSeq, hole: false };
  const rows = await ctx.store.messages.range(id, fromSeq, seq, wanted);
  const dense = densePrefix(rows, fromSeq);
  return { rows: rows.slice(0, dense), upToSeq: fromSeq + dense, hole: dense < wanted };
}

async function changedRows(
  ctx: Pick<ChatContext, 'store'>,
  { id, changeSeq }: StoredConversation,
  from: SyncCursor & { upToSeq: number },
  room: number,
) {
  // Equal counters: every change numbered so far was given. One that is only marked yet will be numbered above this cursor.
  if (changeSeq === from.changeSeq) return { rows: [], upToChange: changeSeq, complete: true };
  const [stamped, marked] = await Promise.all([
    ctx.store.messages.stampedSince(id, from.changeSeq, from.upToSeq, room + 1),
    ctx.store.messages.marked(id, from.upToSeq, MARKED_LIMIT),
  ]);
  const given = stamped.slice(0, room);
  const rows = [...new Map([...given, ...marked].map((row) => [row.id, row])).values()];
  if (marked.length === MARKED_LIMIT) return { rows, upToChange: from.changeSeq, complete: false };
  if (stamped.length > room) return { rows, upToChange: given.at(-1)?.changeSeq ?? from.changeSeq, complete: false };
  return { rows, upToChange: changeSeq, complete: true };
}
