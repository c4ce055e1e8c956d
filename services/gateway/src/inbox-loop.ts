import { setTimeout as sleep } from 'node:timers/promises';
import type { GatewayBus, InboxBatch, InboxReader, Log } from '@confab/chat';

export interface InboxLoop {
  start(): void;
  /** Milliseconds since the reader last heard from the bus. */
  idleMs(): number;
  stop(): Promise<void>;
}

/** Reads the inbox for as long as the gateway runs. A batch that fails is logged and does not end the reading. */
export function createInboxLoop(
  bus: Pick<GatewayBus, 'openInbox'>,
  handle: (batch: InboxBatch) => Promise<void>,
  log: Log,
): InboxLoop {
  let reader: InboxReader | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  const handleSafely = async (batch: InboxBatch) => {
    try {
      await handle(batch);
    } catch (error) {
      log.error({ err: error, entries: batch.entries.length }, 'a batch of the inbox was not pushed');
    }
  };

  const run = async () => {
    while (!stopped) {
      reader = bus.openInbox();
      try {
        for await (const batch of reader) await handleSafely(batch);
      } catch (error) {
        log.error({ err: error }, 'reading the inbox failed; opening it again');
      }
      if (!stopped) await sleep(200);
    }
  };

  return {
    start() {
      running = run();
    },
    idleMs: () => reader?.idleMs() ?? 0,
    async stop() {
      stopped = true;
      await reader?.close();
      await running;
    },
  };
}
