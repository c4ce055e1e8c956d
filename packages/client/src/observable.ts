/** A value that changes and tells when: what React's useSyncExternalStore takes, and easy to use without React. */
export interface Observable<T> {
  /** The value now. The same object as long as nothing changed. */
  get(): T;
  /** Calls `listener` after changes; several changes of one moment are told once. @returns a function that ends it */
  subscribe(listener: () => void): () => void;
}

/** A value made from other state when somebody asks for it, and kept until it is invalidated. */
export class Derived<T> implements Observable<T> {
  readonly #compute: (before: T | undefined) => T;
  readonly #listeners = new Set<() => void>();
  #value: T | undefined;
  #fresh = false;
  #telling = false;

  /** @param compute gets the value before, so that it can keep parts that did not change */
  constructor(compute: (before: T | undefined) => T) {
    this.#compute = compute;
  }

  get(): T {
    if (!this.#fresh) {
      this.#value = this.#compute(this.#value);
      this.#fresh = true;
    }
    return this.#value as T;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  invalidate(): void {
    this.#fresh = false;
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => {
      this.#telling = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }
}

/** One observable per key, made when it is first asked for. */
export class Topics<T> {
  readonly #topics = new Map<string, Derived<T>>();
  readonly #compute: (key: string, before: T | undefined) => T;

  constructor(compute: (key: string, before: T | undefined) => T) {
    this.#compute = compute;
  }

  of(key: string): Derived<T> {
    let topic = this.#topics.get(key);
    if (!topic) {
      topic = new Derived<T>((before) => this.#compute(key, before));
      this.#topics.set(key, topic);
    }
    return topic;
  }

  invalidate(key: string): void {
    this.#topics.get(key)?.invalidate();
  }

  invalidateAll(): void {
    for (const topic of this.#topics.values()) topic.invalidate();
  }
}
