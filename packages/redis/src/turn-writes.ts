import type { Redis } from 'ioredis';

/**
 * Lets the commands of one turn of the event loop go to Redis by one write. ioredis' automatic pipelining does that as well, at twice the CPU a
 * command, and V8 makes old what its pipelines hold (decision 0014); in a cluster it is what is used, as there a turn may have several destinations.
 */
export class TurnWrites {
  #held = false;

  /** What is sent from now on goes at the end of the turn. The client must be connected. */
  hold({ stream }: Redis): void {
    if (this.#held) return;
    this.#held = true;
    stream.cork();
    // As late as automatic pipelining: what other callbacks of this turn send goes along.
    setImmediate(() => {
      this.#held = false;
      stream.uncork();
    });
  }
}
