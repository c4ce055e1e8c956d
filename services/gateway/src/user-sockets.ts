import type { Log, UserQuota } from '@confab/chat';
import { ChatError } from '@confab/contracts';
import { TRY_AGAIN_S } from './connection-limits.ts';

export interface UserSockets {
  /**
   * Counts a socket of the user in, against the limit over all gateways.
   * @returns counts it out again, once
   * @throws ChatError TOO_MANY_CONNECTIONS if the user has too many
   */
  open(userId: string): Promise<() => void>;
  /** Says everything again: the gateway is a new instance, which holds nothing yet as far as the others know. */
  restate(): void;
  /** Says again what the bus did not take while it was away. */
  catchUp(): void;
}

export interface UserSocketsOptions {
  quota: Pick<UserQuota, 'takeSockets' | 'setSockets'>;
  limit: number;
  log: Log;
}

interface Held {
  sockets: number;
  /** Steps of one user never overlap. */
  work: Promise<unknown>;
  /** Steps that wait or run. */
  steps: number;
}

/** The sockets of users over all gateways. While the bus is away each gateway keeps the limit for itself (`connection-limits`). */
export function createUserSockets({ quota, limit, log }: UserSocketsOptions): UserSockets {
  const users = new Map<string, Held>();
  /** Users whose number the bus did not take. */
  const unsaid = new Set<string>();
  let away = false;

  const inTurn = <T>(userId: string, step: (held: Held) => Promise<T>): Promise<T> => {
    const held = users.get(userId) ?? { sockets: 0, work: Promise.resolve(), steps: 0 };
    users.set(userId, held);
    held.steps += 1;
    const done = held.work
      .then(() => step(held))
      .finally(() => {
        held.steps -= 1;
        if (held.steps === 0 && held.sockets === 0) users.delete(userId);
      });
    held.work = done.catch(() => {
      // Whoever asked for the step is told.
    });
    return done;
  };

  const heard = () => {
    away = false;
    const again = [...unsaid];
    unsaid.clear();
    for (const userId of again) void say(userId);
  };
  const unheard = (error: unknown) => {
    if (!away) log.warn({ err: error }, 'sockets of users are counted per gateway while the bus is away');
    away = true;
  };
  const say = (userId: string): Promise<void> =>
    inTurn(userId, ({ sockets }) => quota.setSockets(new Map([[userId, sockets]]))).then(heard, (error: unknown) => {
      // What stands there is too much, for whoever has gone since: others would refuse them.
      unsaid.add(userId);
      unheard(error);
    });

  return {
    async open(userId) {
      await inTurn(userId, async (held) => {
        const fits = await quota.takeSockets(userId, held.sockets + 1, limit).then(
          (taken) => {
            heard();
            return taken;
          },
          passIfAway((error) => {
            unsaid.add(userId);
            unheard(error);
          }),
        );
        if (!fits) throw new ChatError('TOO_MANY_CONNECTIONS', { retryAfter: TRY_AGAIN_S });
        held.sockets += 1;
      });
      let open = true;
      return () => {
        if (!open) return;
        open = false;
        const held = users.get(userId);
        if (held) held.sockets -= 1;
        void say(userId);
      };
    },
    restate() {
      const all = new Set([...users.keys(), ...unsaid]);
      unsaid.clear();
      for (const userId of all) void say(userId);
    },
    catchUp() {
      const [one] = unsaid;
      if (one === undefined) return;
      // The others follow once one of them is heard.
      unsaid.delete(one);
      void say(one);
    },
  };
}

/** Only a bus that is away lets a user in uncounted. */
const passIfAway = (unheard: (error: unknown) => void) => (error: unknown) => {
  if (!(error instanceof ChatError)) throw error;
  unheard(error);
  return true;
};
