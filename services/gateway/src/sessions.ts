import type { Log, UserQuota } from '@confab/chat';
import type { Identity } from '@confab/service-kit';
import { LRUCache } from 'lru-cache';
import type { EngineConnection } from './engine-connection.ts';
import { EventBudget } from './event-budget.ts';
import { SendLanes } from './send-lanes.ts';
import type { GatewaySocket, Session } from './session.ts';
import { quietly, UserBudget } from './user-budget.ts';

export interface Sessions {
  create(socket: GatewaySocket, identity: Identity, token: string): Session;
  /** The budget that all sockets of the user share, on all gateways. */
  userBudget(userId: string): UserBudget;
}

/** Users whose budget is remembered after they left, so that reconnecting does not refill it. Source: 50,000 are 5 MB. */
const BUDGETS = 50_000;
/** What a user may do with all sockets together, compared to one. Source: nobody works on more than two devices at a time. */
const USER_FACTOR = 2;
/** How many seconds' worth of events may come at once. Source: a client that comes back sends what it kept. */
const BURST_S = 3;

export interface SessionsOptions {
  eventsPerSecond: number;
  addressOf(connection: EngineConnection): string;
  quota: UserQuota;
  log: Log;
}

export function createSessions({ eventsPerSecond, addressOf, quota, log }: SessionsOptions): Sessions {
  const now = () => performance.now();
  const ruleOfSocket = { perSecond: eventsPerSecond, burst: eventsPerSecond * BURST_S, now };
  const perSecondOfUser = eventsPerSecond * USER_FACTOR;
  const ofUser = {
    perSecond: perSecondOfUser,
    burst: perSecondOfUser * BURST_S,
    quota,
    onAway: quietly(log, now),
    now,
  };
  const budgets = new LRUCache<string, UserBudget>({ max: BUDGETS });
  return {
    create: (socket, identity, token) => ({
      identity,
      token,
      address: addressOf(socket.conn),
      budget: new EventBudget(ruleOfSocket),
      lanes: new SendLanes(),
      apiCalls: { inFlight: 0 },
      typing: new Map(),
      ended: false,
    }),
    userBudget(userId) {
      const budget = budgets.get(userId) ?? new UserBudget({ userId, ...ofUser });
      budgets.set(userId, budget);
      return budget;
    },
  };
}
