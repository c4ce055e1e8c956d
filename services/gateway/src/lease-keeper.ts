import type { GatewayLease, Log } from '@confab/chat';
import type { Presence } from './presence.ts';

export interface LeaseKeeperOptions {
  lease: GatewayLease;
  presence: Presence;
  /** Everybody was registered anew: events may have been lost meanwhile. */
  onReincarnated(): void;
  /** The bus is there, and knows this gateway as it is. */
  onRenewed(): void;
  log: Log;
  /** Milliseconds between two renewals. Source: a third of the lease. */
  renewMs?: number;
  /** Milliseconds until another try after a failure. Source: back within 5 s of the bus. */
  retryMs?: number;
  now?: () => number;
}

export interface LeaseKeeper {
  /** Opens the first lease, if the bus came without one. @throws ChatError UNAVAILABLE */
  start(): Promise<void>;
  /** Milliseconds since the lease was last seen alive. */
  idleMs(): number;
  /** Stops renewing. The lease stays until it is released or runs out. */
  stop(): Promise<void>;
}

/** Keeps the lease alive. A lease that is gone is replaced: a new incarnation, with everybody that this gateway holds. */
export function createLeaseKeeper(options: LeaseKeeperOptions): LeaseKeeper {
  const {
    lease,
    presence,
    onReincarnated,
    onRenewed,
    log,
    renewMs = 4_000,
    retryMs = 500,
    now = () => performance.now(),
  } = options;
  let aliveAt = now();
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  let stopped = false;
  let failing = false;

  const reincarnate = async () => {
    const held = presence.held();
    log.warn(
      { former: lease.instance, users: held.length },
      'the lease or the inbox is gone, or may lack what came last: registering everybody anew',
    );
    await lease.reincarnate(held);
    presence.confirmAll();
    onReincarnated();
  };

  const keep = async () => {
    try {
      if (await lease.renew()) {
        onRenewed();
        await presence.retry();
      } else await reincarnate();
      aliveAt = now();
      failing = false;
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'the lease was not renewed; trying again');
      failing = true;
    }
    if (!stopped) schedule(failing ? retryMs : renewMs);
  };

  const schedule = (ms: number) => {
    timer = setTimeout(() => {
      working = keep();
    }, ms);
  };

  return {
    async start() {
      if (!(await lease.renew())) await lease.reincarnate([]);
      aliveAt = now();
      schedule(renewMs);
    },
    idleMs: () => now() - aliveAt,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await working;
      clearTimeout(timer);
    },
  };
}
