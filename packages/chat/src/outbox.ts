import { ChatError } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import type { StoredMessage } from './model.ts';
import type { Ids, Log } from './ports/environment.ts';
import type { ChatStore, MessageRepository } from './ports/repositories.ts';
import { usersById } from './profiles.ts';
import { newMessageView, publishMessage } from './publish.ts';

/** Milliseconds that cleared marks are collected before one write. Far below the 2 s after which the relay would republish. */
const FLUSH_MS = 200;
/** Marks in one write. Source: a store of one thread is busy with a hundred for a few milliseconds, for which sends wait. */
const FLUSH_COUNT = 100;

/** Collects the ids of published messages and clears their outbox marks in batches. */
export function createPublishedMarks(messages: Pick<MessageRepository, 'clearUnpublished'>, log: Log) {
  let waiting: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const inFlight = new Set<Promise<void>>();

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const ids = waiting;
    waiting = [];
    // A mark that is not cleared costs one more publish by the relay, nothing else.
    const write = messages
      .clearUnpublished(ids)
      .catch((error: unknown) =>
        log.warn({ err: error, count: ids.length }, 'outbox marks not cleared; the relay will publish again'),
      )
      .finally(() => inFlight.delete(write));
    inFlight.add(write);
  };

  return {
    add(messageId: string): void {
      waiting.push(messageId);
      if (waiting.length >= FLUSH_COUNT) flush();
      else timer ??= setTimeout(flush, FLUSH_MS);
    },
    /** Writes what is waiting, and returns when it is written. */
    async drain(): Promise<void> {
      flush();
      await Promise.all(inFlight);
    },
  };
}

export type PublishedMarks = ReturnType<typeof createPublishedMarks>;

/** Age in milliseconds after which a message that is still marked is published again. Source: DESIGN, the way of one message. */
export const RELAY_AFTER_MS = 2_000;
/** Messages that one run of the relay publishes at most. */
const RELAY_BATCH = 500;
/**
 * Conversations in a row that found something UNAVAILABLE, after which a run ends: the bus is away, and 500 messages that wait a second each for a bus
 * that stalls would be one run of eight minutes. What fails otherwise is a message's own fault, however many there are. Source: five seconds at most.
 */
const RELAY_FAILURES = 5;

/**
 * Publishes what was stored and never (or not provably) published: its writer crashed, or the bus was away. A message that fails holds up those of its
 * conversation that follow it, and no others.
 * @returns how many it published
 * @throws ChatError UNAVAILABLE while the store or the bus is away, or what the first message that failed threw, after the others; what is left comes
 *   with the next run
 */
export async function relayOutbox(
  ctx: Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'clock' | 'media'> & { ids: Pick<Ids, 'token'> },
): Promise<number> {
  const due = await ctx.store.messages.findUnpublished(new Date(ctx.clock.now() - RELAY_AFTER_MS), RELAY_BATCH);
  if (due.length === 0) return 0;
  const readersOf = await audiences(
    ctx.store,
    due.map((m) => m.conversationId),
  );
  const senders = await usersById(
    ctx.store.users,
    due.map((m) => m.senderId),
  );
  const traceId = ctx.ids.token();
  const { published, failures } = await inSeqOrder(due, async (message) => {
    const view = await newMessageView(ctx, message, senders.get(message.senderId));
    await publishMessage(ctx, message, view, { participants: readersOf(message), traceId });
  });
  // Also where something failed: else each run would send the rest anew.
  if (published.length > 0) await ctx.store.messages.clearUnpublished(published);
  if (failures.length > 0) throw failures[0];
  return published.length;
}

const isUnavailable = (error: unknown): boolean => error instanceof ChatError && error.code === 'UNAVAILABLE';

/** In seq order per conversation, which the clocks of several writers may tell otherwise. Never throws. */
async function inSeqOrder(
  due: readonly StoredMessage[],
  publish: (message: StoredMessage) => Promise<void>,
): Promise<{ published: string[]; failures: unknown[] }> {
  const published: string[] = [];
  const failures: unknown[] = [];
  const heldUp = new Set<string>();
  let awayInARow = 0;
  for (const message of due.toSorted((a, b) => a.seq - b.seq)) {
    if (heldUp.has(message.conversationId)) continue;
    try {
      await publish(message);
      published.push(message.id);
      awayInARow = 0;
    } catch (error) {
      failures.push(error);
      heldUp.add(message.conversationId);
      awayInARow = isUnavailable(error) ? awayInARow + 1 : 0;
      if (awayInARow === RELAY_FAILURES) break;
    }
  }
  return { published, failures };
}

/** Who gets a message of these conversations now: whoever takes part, and did when it was sent. */
async function audiences(store: ChatStore, conversationIds: string[]) {
  const ids = [...new Set(conversationIds)];
  const [conversations, rows] = await Promise.all([
    store.conversations.findByIds(ids),
    store.memberships.ofConversations(ids),
  ]);
  const participants = new Map(conversations.map((c) => [c.id, c.participants]));
  const joined = Map.groupBy(rows, (row) => row.conversationId);
  return ({ conversationId, seq }: StoredMessage): string[] => {
    const late = joined.get(conversationId)?.filter((row) => row.joinedSeq >= seq) ?? [];
    const lateIds = new Set(late.map((row) => row.userId));
    return (participants.get(conversationId) ?? []).filter((id) => !lateIds.has(id));
  };
}
