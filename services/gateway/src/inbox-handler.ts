import type { Clock, InboxBatch, TraceLog } from '@confab/chat';
import { serverEvents } from '@confab/contracts';
import { deliveryReceipts } from './delivery-receipts.ts';
import type { GatewayCounters } from './gateway-metrics.ts';
import { createPush, type PushOptions } from './push.ts';
import type { ReceiptOutbox } from './receipt-outbox.ts';
import { type GatewayServer, userRoom } from './session.ts';

export interface InboxHandler {
  /** Pushes the batch, and says what was delivered. */
  handle(batch: InboxBatch): Promise<void>;
  /** Age of the last event when it was pushed, milliseconds. */
  lagMs(): number;
}

export interface InboxHandlerOptions extends Pick<PushOptions, 'onMembers' | 'onGap'> {
  io: GatewayServer;
  outbox: ReceiptOutbox;
  counters: () => GatewayCounters;
  clock: Clock;
  newId: () => string;
  log: TraceLog;
}

/** What a gateway does with what comes from the bus for its sockets. */
export function createInboxHandler(options: InboxHandlerOptions): InboxHandler {
  const { io, onMembers, onGap, outbox, counters, clock, newId, log } = options;
  let lagMs = 0;
  /** Events that were pushed since they were last counted, by name: one count for many costs as much as for one. */
  const pushed = new Map<string, number>();
  const isConnected = (userId: string) => io.sockets.adapter.rooms.has(userRoom(userId));
  /** Receipts are made of what was written together, not of the batch: that would be all receivers of all its events in one turn. */
  const onPushed: PushOptions['onPushed'] = (entries, reached) => {
    const now = clock.now();
    const { pushLatency } = counters();
    for (const { meta } of entries) {
      lagMs = Math.max(0, now - meta.at);
      pushLatency.observe(lagMs / 1_000);
      pushed.set(meta.event, (pushed.get(meta.event) ?? 0) + 1);
    }
    // Who came since has not been given it, and who was cut since may not have it.
    const isReached = (userId: string) => reached.has(userId) && isConnected(userId);
    outbox.add(...deliveryReceipts(entries, { isReached, now: () => now, newId }));
  };
  const countPushed = () => {
    for (const [name, count] of pushed) {
      counters().pushed.inc({ event: Object.hasOwn(serverEvents, name) ? name : 'other' }, count);
    }
    pushed.clear();
  };
  const push = createPush({ io, onMembers, onGap, onPushed, log });
  return {
    async handle(batch) {
      if (batch.gap) counters().gaps.inc();
      await push(batch);
      countPushed();
    },
    lagMs: () => lagMs,
  };
}
