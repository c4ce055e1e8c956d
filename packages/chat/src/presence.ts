import type { PresenceReceipt, UserProfile } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import type { PresenceRegistry } from './ports/bus.ts';
import type { Ids } from './ports/environment.ts';
import type { ContactBook } from './profiles.ts';
import { outbound } from './publish.ts';

type PresenceContext = Pick<ChatContext, 'store' | 'publisher' | 'feed' | 'log' | 'clock'> & {
  ids: Pick<Ids, 'token'>;
  registry: PresenceRegistry;
  contacts: ContactBook;
};

/** Milliseconds after the last disconnection before a user is told offline: a page reload is no absence. Source: DESIGN. */
export const OFFLINE_GRACE_MS = 3_000;
/** Contacts that are told of one user. Source: five groups of the largest size. */
const CONTACT_LIMIT = 5_000;
const CHECK_BATCH = 200;
/** Milliseconds after which a check that is still there was left by a worker that died. Source: longer than a store may take to answer. */
const OVERDUE_MS = 5_000;

/**
 * Somebody connected or disconnected. Repeating it is harmless: the registry hands each change of state to one caller.
 * @param redelivered the entry came before: its worker may have died after claiming and before telling
 */
export async function applyPresence(
  ctx: PresenceContext,
  receipt: PresenceReceipt,
  redelivered: boolean,
): Promise<void> {
  const { userId } = receipt;
  if (receipt.state === 'disconnected')
    return ctx.registry.scheduleOfflineCheck(userId, ctx.clock.now() + OFFLINE_GRACE_MS);
  if (receipt.profile) await ctx.contacts.meet(userId, receipt.profile);
  const cameOnline = await ctx.registry.claimOnline(userId);
  // Whoever claimed it may have died before telling; or the user has gone since, and that was told.
  if (cameOnline || (redelivered && (await isOnline(ctx, userId))))
    await tellContacts(ctx, userId, 'user:online', receipt.traceId);
}

/**
 * Makes the users of a batch known together: a few at a time, each few would wait for the store's next command for first contacts. Who cannot be met now fails
 * where their own receipt is applied.
 */
export async function meetTogether(
  { contacts }: Pick<PresenceContext, 'contacts'>,
  receipts: readonly PresenceReceipt[],
): Promise<void> {
  // The first of each user: what comes after it is applied after it.
  const profiles = new Map<string, UserProfile>();
  for (const { userId, profile } of receipts) if (profile && !profiles.has(userId)) profiles.set(userId, profile);
  await Promise.allSettled([...profiles].map(([userId, profile]) => contacts.meet(userId, profile)));
}

/** Checks users whose grace is over. A check that fails is made again by the next run. @returns how many went offline */
export async function settleOffline(ctx: PresenceContext): Promise<number> {
  const now = ctx.clock.now();
  const [due, overdue] = await Promise.all([
    ctx.registry.dueOfflineChecks(now, CHECK_BATCH),
    ctx.registry.dueOfflineChecks(now - OVERDUE_MS, CHECK_BATCH),
  ]);
  const left = new Set(overdue);
  let offline = 0;
  for (const userId of due) {
    const state = await offlineState(ctx, userId, left.has(userId));
    if (state === 'with-another-worker') continue;
    if (state === 'went-offline') {
      offline++;
      await ctx.store.users.setLastSeen(userId, now);
      await tellContacts(ctx, userId, 'user:offline', ctx.ids.token(), now);
      // Whoever came back meanwhile may have been told online first: the last word is to be what is.
      if (await isOnline(ctx, userId)) await tellContacts(ctx, userId, 'user:online', ctx.ids.token());
    }
    await ctx.registry.settleOfflineCheck(userId, now);
  }
  return offline;
}

/**
 * The claim goes to one worker, once. If it dies before it has told anybody, its check stays and becomes overdue: then whoever
 * finds it tells, at worst a second time.
 */
async function offlineState(
  ctx: PresenceContext,
  userId: string,
  overdue: boolean,
): Promise<'went-offline' | 'with-another-worker' | 'connected'> {
  if (await ctx.registry.claimOffline(userId)) return 'went-offline';
  if (await isOnline(ctx, userId)) return 'connected';
  return overdue ? 'went-offline' : 'with-another-worker';
}

const isOnline = async ({ registry }: PresenceContext, userId: string): Promise<boolean> =>
  (await registry.onlineAmong([userId])).has(userId);

/** Takes away what dead gateways held. @returns how many of them there were */
export async function reapGateways(ctx: PresenceContext): Promise<number> {
  const reaped = await ctx.registry.reapExpired();
  for (const { instance, userIds } of reaped) {
    ctx.log.warn({ instance, users: userIds.length }, 'gateway lease ran out; its users are checked');
  }
  return reaped.length;
}

async function tellContacts(
  ctx: PresenceContext,
  userId: string,
  state: 'user:online' | 'user:offline',
  traceId: string,
  lastSeen = 0,
): Promise<void> {
  const contacts = await ctx.store.conversations.contactsOf(userId, CONTACT_LIMIT);
  if (contacts.length === 0) return;
  const event =
    state === 'user:online'
      ? outbound(state, { userId }, { traceId })
      : outbound(state, { userId, lastSeen }, { traceId });
  // Nothing of it is in the store for a sync to find: if the bus is away, the caller tries again.
  await ctx.publisher.publish(event, contacts);
}
