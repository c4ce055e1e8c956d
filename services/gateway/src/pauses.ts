/** Sleeps of a loop that end at once when the loop has to. */
export class Pauses {
  readonly #sleeping = new Set<() => void>();
  #ended = false;

  /** No pause lasts any more. */
  get ended(): boolean {
    return this.#ended;
  }

  sleep(ms: number): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#sleeping.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#sleeping.add(wake);
    });
  }

  end(): void {
    this.#ended = true;
    for (const wake of this.#sleeping) wake();
  }
}
