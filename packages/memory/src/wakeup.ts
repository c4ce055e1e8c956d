/** Lets any number of loops sleep until something has happened. Take the promise first, then look, then await it. */
export class Wakeup {
  #waiting: PromiseWithResolvers<void> | undefined;

  next(): Promise<void> {
    this.#waiting ??= Promise.withResolvers<void>();
    return this.#waiting.promise;
  }

  wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
