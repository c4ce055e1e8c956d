import type { ClientEnvironment } from '../environment.ts';

interface Timer {
  at: number;
  task: () => void;
}

/** A clock that moves when the test says so, ids that count, and no jitter. */
export class ManualEnvironment implements ClientEnvironment {
  time = Date.UTC(2024, 0, 1);
  fetch: typeof fetch = () => Promise.reject(new TypeError('no network in this test'));
  #ids = 0;
  #timers: Timer[] = [];
  #network: ((online: boolean) => void) | undefined;

  now = (): number => this.time;
  random = (): number => 0;
  newId = (): string => `id-${++this.#ids}`;

  after = (ms: number, task: () => void): (() => void) => {
    const timer = { at: this.time + ms, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  watchNetwork = (told: (online: boolean) => void): (() => void) => {
    this.#network = told;
    return () => {
      this.#network = undefined;
    };
  };

  network(online: boolean): void {
    this.#network?.(online);
  }

  /** Lets time pass, running what falls due in order, and everything that follows at once from it. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (let due = this.#due(end); due; due = this.#due(end)) {
      this.time = Math.max(this.time, due.at);
      this.#timers = this.#timers.filter((timer) => timer !== due);
      due.task();
      await settle();
    }
    this.time = end;
  }

  #due(end: number): Timer | undefined {
    return this.#timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
  }
}

/** Everything that waits for nothing but other promises is done afterwards. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
