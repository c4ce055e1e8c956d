import type { Clock, GatewayLease, Log } from '@confab/chat';
import { type PresenceReceipt, STREAM_VERSION, type UserProfile } from '@confab/contracts';
import { newTraceId } from '@confab/service-kit';
import type { ReceiptOutbox } from './receipt-outbox.ts';

/** One user with at least one connection here, or whose going is not yet told. */
interface Held {
  userId: string;
  profile: UserProfile;
  connections: number;
  /** What the directory says; `unknown` after a call that failed, which may have taken effect. */
  directory: 'in' | 'out' | 'unknown';
  /** The last step for this user: steps of one user never overlap. */
  work: Promise<void>;
}

export interface Presence {
  /**
   * Counts a connection in. Returns once every publisher that looks the user up finds this gateway.
   * @returns counts it out again; further calls do nothing
   * @throws ChatError UNAVAILABLE if the directory did not take it
   */
  acquire(user: { userId: string; profile: UserProfile }): Promise<() => void>;
  /** Users with a connection. */
  held(): string[];
  /** A new incarnation holds everybody: says so to the worker too, since the bus may have forgotten them. */
  confirmAll(): void;
  /** Tells the directory again what it did not take. */
  retry(): Promise<void>;
  /** Waits until every step that was begun is done, at most `deadlineMs`. */
  settle(deadlineMs: number): Promise<void>;
  readonly users: number;
}

export interface PresenceOptions {
  lease: GatewayLease;
  outbox: ReceiptOutbox;
  clock: Clock;
  newId: () => string;
  log: Log;
}

export function createPresence({ lease, outbox, clock, newId, log }: PresenceOptions): Presence {
  const users = new Map<string, Held>();

  const tell = (held: Held, state: PresenceReceipt['state']) =>
    outbox.add({
      v: STREAM_VERSION,
      id: newId(),
      at: clock.now(),
      traceId: newTraceId(),
      type: 'presence',
      userId: held.userId,
      state,
      ...(state === 'connected' && { profile: held.profile }),
    });

  const step = async (held: Held) => {
    if (held.connections > 0 && held.directory !== 'in') {
      held.directory = 'unknown';
      await lease.register(held.userId);
      held.directory = 'in';
      tell(held, 'connected');
    } else if (held.connections === 0 && held.directory !== 'out') {
      held.directory = 'unknown';
      await lease.unregister(held.userId);
      held.directory = 'out';
      tell(held, 'disconnected');
    }
    if (held.connections === 0 && held.directory === 'out' && users.get(held.userId) === held)
      users.delete(held.userId);
  };

  const settle = (held: Held) => {
    const next = () => step(held);
    held.work = held.work.then(next, next);
    return held.work;
  };

  const release = (held: Held) => {
    held.connections -= 1;
    if (held.connections > 0) return;
    settle(held).catch((error: unknown) =>
      log.warn({ err: error }, 'the directory did not take a departure; again soon'),
    );
  };

  return {
    async acquire({ userId, profile }) {
      const held = users.get(userId) ?? { userId, profile, connections: 0, directory: 'out', work: Promise.resolve() };
      users.set(userId, held);
      held.connections += 1;
      held.profile = profile;
      let open = true;
      const releaseOnce = () => {
        if (open) release(held);
        open = false;
      };
      try {
        await settle(held);
      } catch (error) {
        releaseOnce();
        throw error;
      }
      return releaseOnce;
    },
    held: () => [...users.values()].filter((held) => held.connections > 0).map((held) => held.userId),
    confirmAll() {
      for (const held of users.values()) {
        if (held.connections === 0) continue;
        held.directory = 'in';
        tell(held, 'connected');
      }
    },
    async retry() {
      const open = [...users.values()].filter((held) => held.directory === 'unknown');
      await Promise.allSettled(open.map(settle));
    },
    async settle(deadlineMs) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, deadlineMs);
      });
      await Promise.race([late, Promise.allSettled([...users.values()].map((held) => held.work))]);
      clearTimeout(timer);
    },
    get users() {
      return users.size;
    },
  };
}
