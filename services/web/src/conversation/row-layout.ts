export interface LayoutItem {
  key: string;
}

/**
 * Where each line of a list is, by the heights that were measured, and by estimates for lines never shown. Asked at every frame of a
 * scroll: what one measurement costs does not grow with the lines above it, and is one addition for each below.
 */
export class RowLayout<T extends LayoutItem> {
  readonly #measured = new Map<string, number>();
  readonly #estimate: (item: T) => number;
  #items: readonly T[] = [];
  #index = new Map<string, number>();
  #heights = new Float64Array(0);
  #offsets = new Float64Array(1);
  /** Offsets after this line are out of date. */
  #staleFrom = Number.POSITIVE_INFINITY;

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
    this.#readHeights();
  }

  /** Every line may have another height now: the width changed. */
  forgetHeights(): void {
    this.#measured.clear();
    this.#readHeights();
  }

  setHeight(key: string, height: number): void {
    const at = this.#index.get(key);
    if (at === undefined || this.#measured.get(key) === height) return;
    this.#measured.set(key, height);
    this.#heights[at] = height;
    this.#staleFrom = Math.min(this.#staleFrom, at);
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

  #readHeights(): void {
    this.#heights = Float64Array.from(this.#items, (item) => this.#measured.get(item.key) ?? this.#estimate(item));
    this.#offsets = new Float64Array(this.#items.length + 1);
    this.#staleFrom = 0;
  }

  #refresh(): void {
    if (this.#staleFrom === Number.POSITIVE_INFINITY) return;
    let offset = this.#offsets[this.#staleFrom] ?? 0;
    for (let at = this.#staleFrom; at < this.#heights.length; at++) {
      offset += this.#heights[at] ?? 0;
      this.#offsets[at + 1] = offset;
    }
    this.#staleFrom = Number.POSITIVE_INFINITY;
  }
}
