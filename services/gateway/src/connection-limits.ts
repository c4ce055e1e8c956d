import { ChatError } from '@confab/contracts';
import { addressGroup } from '@confab/service-kit';
import { LRUCache } from 'lru-cache';
import { EventBudget } from './event-budget.ts';

export interface ConnectionLimitOptions {
  maxPerUser: number;
  /** An IPv6 /64 counts as one address. */
  maxPerAddress: number;
  /** New connections per second and address, with bursts of twice that. */
  handshakesPerSecond: number;
  now?: () => number;
}

export interface ConnectionLimits {
  /** Counts a handshake. @returns false if the address has had too many, or has too many connections */
  admit(address: string): boolean;
  /** Counts a connection of the address in. @returns counts it out again, once */
  openAddress(address: string): () => void;
  /** Counts a socket of the user in. @returns counts it out again, once. @throws ChatError TOO_MANY_CONNECTIONS if they have too many */
  openUser(userId: string): () => void;
}

/** Addresses whose rate is remembered. Source: 50,000 buckets are 5 MB; an attack from more addresses is the load balancer's. */
const ADDRESSES = 50_000;
/** Seconds after which a user with too many sockets may try again. */
export const TRY_AGAIN_S = 30;

export function createConnectionLimits(options: ConnectionLimitOptions): ConnectionLimits {
  const { maxPerUser, maxPerAddress, handshakesPerSecond, now = () => performance.now() } = options;
  const rates = new LRUCache<string, EventBudget>({ max: ADDRESSES });
  const byAddress = new Map<string, number>();
  const byUser = new Map<string, number>();

  const rule = { perSecond: handshakesPerSecond, burst: handshakesPerSecond * 2, now };
  const rateOf = (group: string) => {
    const rate = rates.get(group) ?? new EventBudget(rule);
    rates.set(group, rate);
    return rate;
  };

  return {
    admit(address) {
      const group = addressGroup(address);
      return (byAddress.get(group) ?? 0) < maxPerAddress && rateOf(group).take();
    },
    openAddress: (address) => countIn(byAddress, addressGroup(address)),
    openUser(userId) {
      if ((byUser.get(userId) ?? 0) >= maxPerUser) {
        throw new ChatError('TOO_MANY_CONNECTIONS', { retryAfter: TRY_AGAIN_S });
      }
      return countIn(byUser, userId);
    },
  };
}

function countIn(counts: Map<string, number>, key: string): () => void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
  let counted = true;
  return () => {
    if (!counted) return;
    counted = false;
    const left = (counts.get(key) ?? 1) - 1;
    if (left > 0) counts.set(key, left);
    else counts.delete(key);
  };
}
