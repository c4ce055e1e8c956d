import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_MS = 5;

/** Counts what arrives, and waits for as much as was sent. */
export class Arrivals {
  count = 0;
  /** When the latest one arrived (ms, `performance.now`). */
  latestAt = 0;

  add(): void {
    this.count += 1;
    this.latestAt = performance.now();
  }

  /** @throws Error if fewer than `total` arrived in all by then */
  async reach(total: number, deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    while (this.count < total) {
      if (performance.now() > deadline) throw new Error(`${this.count} of ${total} arrived within ${deadlineMs} ms`);
      await sleep(LOOK_MS);
    }
  }
}
