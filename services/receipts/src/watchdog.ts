export interface WatchdogOptions {
  /** Milliseconds for which the work in hand has made no step; 0 while there is none. */
  stuckMs(): number;
  /** Milliseconds of that after which the work is given up. */
  limitMs: number;
  /** Called once. */
  onStuck(stuckMs: number): void;
}

/** Calls `onStuck` when work that was begun makes no step any more. @returns a function that ends the watch */
export function startWatchdog({ stuckMs, limitMs, onStuck }: WatchdogOptions): () => void {
  let suspected = false;
  const look = () => {
    const stuck = stuckMs();
    // Two looks in a row: a process that was frozen itself gets the time to make its step.
    const sure = suspected;
    suspected = stuck >= limitMs;
    if (!suspected || !sure) return;
    clearInterval(timer);
    onStuck(stuck);
  };
  const timer = setInterval(look, Math.min(10_000, limitMs / 4));
  return () => clearInterval(timer);
}
