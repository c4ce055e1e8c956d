export interface LayoutItem {
  key: string;
}

/** Where each line of a list is, by the heights that were measured, and by estimates for lines never shown. */
export class RowLayout<T extends LayoutItem> {
  readonly #heights = new Map<string, number>();
  readonly #estimate: (item: T) => number;
  #items: readonly T[] = [];
  #offsets = new Float64Array(1);
  #index = new Map<string, number>();
  #stale = false;

  constructor(estimate: (item: T) => number) {
    this.#estimate = estimate;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  setItems(items: readonly T[]): void {
    if (items === this.#items) return;
    this.#items = items;
    this.#index = new Map(items.map((item, at) => [item.key, at]));
    this.#stale = true;
  }

  /** Every line may have another height now: the width changed. */
  forgetHeights(): void {
    this.#heights.clear();
    this.#stale = true;
  }

  /** @returns whether that moves anything */
  setHeight(key: string, height: number): boolean {
    if (this.#heights.get(key) === height) return false;
    this.#heights.set(key, height);
    this.#stale = true;
    return true;
  }

  indexOf(key: string): number | undefined {
    return this.#index.get(key);
  }

  /** Pixels above the line at `index`; with the number of lines, the height of all. */
  offset(index: number): number {
    this.#refresh();
    return this.#offsets[index] ?? 0;
  }

  get total(): number {
    return this.offset(this.#items.length);
  }

  /** The line that covers `y`. */
  at(y: number): number {
    this.#refresh();
    let low = 0;
    let high = this.#items.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#offsets[middle] ?? 0) <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#stale = false;
    const offsets = new Float64Array(this.#items.length + 1);
    this.#items.forEach((item, index) => {
      const height = this.#heights.get(item.key) ?? this.#estimate(item);
      offsets[index + 1] = (offsets[index] ?? 0) + height;
    });
    this.#offsets = offsets;
  }
}
