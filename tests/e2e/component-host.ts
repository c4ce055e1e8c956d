/** As much of React as the guide's examples use: state, effects with clean-up, and rendering again after a change. */
export interface Hooks {
  useState<T>(initial: T): [T, (next: T | ((previous: T) => T)) => void];
  useEffect(effect: () => undefined | (() => void), dependencies: unknown[]): void;
}

export interface Mounted<V> {
  /** What the component last returned. */
  view(): V;
  unmount(): void;
}

/** Mounts a component function and keeps it rendered until `unmount`. */
export function mount<P, V>(component: (props: P, hooks: Hooks) => V, props: P): Mounted<V> {
  const state: unknown[] = [];
  const effects: { dependencies: unknown[]; cleanup: undefined | (() => void) }[] = [];
  let view: V;

  const render = () => {
    let stateIndex = 0;
    let effectIndex = 0;
    const pending: (() => void)[] = [];
    const hooks: Hooks = {
      useState<T>(initial: T) {
        const index = stateIndex++;
        if (!(index in state)) state[index] = initial;
        const set = (next: T | ((previous: T) => T)) => {
          state[index] = typeof next === 'function' ? (next as (previous: T) => T)(state[index] as T) : next;
          render();
        };
        return [state[index] as T, set];
      },
      useEffect(effect, dependencies) {
        const index = effectIndex++;
        const before = effects[index];
        if (before?.dependencies.every((value, i) => value === dependencies[i])) return;
        pending.push(() => {
          before?.cleanup?.();
          const entry: (typeof effects)[number] = { dependencies, cleanup: undefined };
          effects[index] = entry;
          entry.cleanup = effect();
        });
      },
    };
    view = component(props, hooks);
    for (const run of pending) run();
  };
  render();
  return {
    view: () => view,
    unmount: () => {
      for (const effect of effects) effect.cleanup?.();
    },
  };
}
