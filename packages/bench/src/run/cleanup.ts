/** Collects how to end what was started, and ends it in reverse. */
export class Cleanup {
  readonly #steps: (() => Promise<unknown> | unknown)[] = [];

  /** Registers the end of something, and gives the thing back. */
  own<T>(thing: T, end: (thing: T) => Promise<unknown> | unknown): T {
    this.#steps.push(() => end(thing));
    return thing;
  }

  /** Ends everything; one that fails keeps no other from ending. @throws the first failure */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Starts something of several parts; what was started ends if a later part fails. */
export async function starting<T>(start: (cleanup: Cleanup) => Promise<T>): Promise<T & { close(): Promise<void> }> {
  const cleanup = new Cleanup();
  try {
    return { ...(await start(cleanup)), close: () => cleanup.run() };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}
