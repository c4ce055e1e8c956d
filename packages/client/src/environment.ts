/** What the client takes from its surroundings; tests give their own. */
export interface ClientEnvironment {
  /** Unix time in milliseconds. */
  now(): number;
  /** 0 <= n < 1, for back-off that does not come in step with other clients'. */
  random(): number;
  /** A new unique id, at most 100 characters. */
  newId(): string;
  /** Runs `task` after `ms` milliseconds. @returns a function that calls it off */
  after(ms: number, task: () => void): () => void;
  fetch: typeof fetch;
  /** Calls `told` when the device gains or loses its network. @returns a function that ends it */
  watchNetwork(told: (online: boolean) => void): () => void;
}

interface EventSource {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Works in browsers, Node and React Native: what is not there is not used. */
export function defaultEnvironment(): ClientEnvironment {
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    newId: () => globalThis.crypto?.randomUUID?.() ?? randomId(),
    after: (ms, task) => {
      const timer = setTimeout(task, ms);
      return () => clearTimeout(timer);
    },
    fetch: (...args) => globalThis.fetch(...args),
    watchNetwork: (told) => {
      const source = globalThis as EventSource;
      const online = () => told(true);
      const offline = () => told(false);
      source.addEventListener?.('online', online);
      source.addEventListener?.('offline', offline);
      return () => {
        source.removeEventListener?.('online', online);
        source.removeEventListener?.('offline', offline);
      };
    },
  };
}

// crypto.randomUUID is missing in React Native and on plain http pages. The id has to be unique per sender and conversation only.
function randomId(): string {
  const part = () => Math.random().toString(36).slice(2, 12);
  return `${Date.now().toString(36)}-${part()}-${part()}`;
}

/** Doubling back-off with jitter: between half of and the whole of `base * 2^attempt`, at most `max` milliseconds. */
export function backoff(attempt: number, base: number, max: number, random: () => number): number {
  const ceiling = Math.min(max, base * 2 ** attempt);
  return ceiling / 2 + (ceiling / 2) * random();
}
