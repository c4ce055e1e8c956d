import { settledValue } from './settled-value.ts';

/** One call for several things that are prepared one by one, each of which has an outcome of its own. */
export class OneCall<T, R> {
  readonly #make: (items: T[]) => Promise<PromiseSettledResult<R>[]>;
  readonly #items: T[] = [];
  readonly #made = Promise.withResolvers<PromiseSettledResult<R>[]>();

  /** @param make makes the call for all of them, in order. @returns the outcome of each */
  constructor(make: (items: T[]) => Promise<PromiseSettledResult<R>[]>) {
    this.#make = make;
  }

  /** Adds something to the call. @returns its outcome, once the call was made */
  async add(item: T): Promise<R> {
    const index = this.#items.push(item) - 1;
    const outcomes = await this.#made.promise;
    return settledValue(outcomes[index]);
  }

  /** Makes the call, once, if there is anything to make it for. */
  go(): void {
    if (this.#items.length > 0) this.#made.resolve(this.#make(this.#items));
  }
}
