import type { Conversation, SyncResult } from '@confab/contracts';
import { backoff, type ClientEnvironment } from './environment.ts';
import { ConfabError } from './error.ts';

/** Calls for one part of catching up. Source: 500 messages each, the server's reset distance is 10,000, and 1,000 conversations. */
const MAX_CALLS = 500;
/** Conversations that one call names. Source: the server's largest number. */
export const NAMED_AT_ONCE = 1_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;

export interface SyncSteps {
  /** Reads the list of conversations. */
  list(): Promise<Conversation[]>;
  applyList(list: readonly Conversation[]): void;
  /** The conversations that are known here. */
  known(): string[];
  /**
   * One `POST sync` with the cursors as they are now.
   * @param part the conversations to name; absent: all, and those that are not known here come too
   */
  fetch(part: readonly string[] | undefined): Promise<SyncResult>;
  /** @returns how many conversations a reply has to speak of, to have covered all that are known here */
  apply(result: SyncResult): number;
  /** Nothing that was buffered is older than the snapshot now. */
  done(): void;
  /** A try failed; another follows by itself. */
  failed(error: unknown): void;
}

/**
 * Catching up: the list, then sync until nothing is left. One run at a time; a request during a run makes another one follow. Live events
 * are buffered by the caller while `running`, and applied at `done`, so there is no gap where snapshot and stream join. Runs only between
 * `open` and `stop`: without the stream, a snapshot joins on to nothing.
 */
export class SyncRunner {
  readonly #environment: ClientEnvironment;
  readonly #steps: SyncSteps;
  #open = false;
  #run: object | undefined;
  #again: 'list' | 'sync' | undefined;
  #callOff: (() => void) | undefined;
  #failures = 0;

  constructor(environment: ClientEnvironment, steps: SyncSteps) {
    this.#environment = environment;
    this.#steps = steps;
  }

  get running(): boolean {
    return this.#run !== undefined;
  }

  /** A run is going on or will begin by itself. */
  get pending(): boolean {
    return this.running || this.#callOff !== undefined;
  }

  /** Connected: catches up with everything. */
  open(): void {
    this.#open = true;
    this.request('list');
  }

  /**
   * Does nothing while not `open`, which begins with everything.
   * @param from `list`: conversations or presence may have changed too; `sync`: messages only
   */
  request(from: 'list' | 'sync'): void {
    if (!this.#open) return;
    if (this.#run) {
      if (this.#again !== 'list') this.#again = from;
      return;
    }
    this.#callOff?.();
    this.#callOff = undefined;
    void this.#start(from);
  }

  /** Ends everything: the connection is gone. */
  stop(): void {
    this.#open = false;
    this.#run = undefined;
    this.#again = undefined;
    this.#callOff?.();
    this.#callOff = undefined;
  }

  async #start(from: 'list' | 'sync'): Promise<void> {
    const run = {};
    this.#run = run;
    const current = () => this.#run === run;
    try {
      if (from === 'list') {
        const list = await this.#steps.list();
        // One of before the connection was lost may have conversations that the user has left since.
        if (!current()) return;
        this.#steps.applyList(list);
      }
      const retryAfter = await this.#calls(current);
      if (!current()) return;
      this.#failures = 0;
      this.#finish();
      if (retryAfter !== undefined) this.#later('sync', retryAfter * 1000);
    } catch (error) {
      if (!current()) return;
      this.#run = undefined;
      this.#steps.failed(error);
      this.#later(from, backoff(this.#failures, FIRST_PAUSE, LONGEST_PAUSE, this.#environment.random));
      this.#failures += 1;
    }
  }

  /** @returns seconds after which what is in flight now can be asked for, if anything is */
  async #calls(current: () => boolean): Promise<number | undefined> {
    const pauses: number[] = [];
    for (const part of partsOf(this.#steps.known())) {
      const pause = await this.#callsFor(part, current);
      if (!current()) return undefined;
      if (pause !== undefined) pauses.push(pause);
    }
    return pauses.length > 0 ? Math.min(...pauses) : undefined;
  }

  async #callsFor(part: readonly string[] | undefined, current: () => boolean): Promise<number | undefined> {
    for (let calls = 0; calls < MAX_CALLS; calls++) {
      const result = await this.#steps.fetch(part);
      if (!current()) return undefined;
      const known = this.#steps.apply(result);
      if (!result.more) return undefined;
      const covered = result.conversations.length >= (part?.length ?? known);
      const waits = result.conversations.filter((item) => item.verdict === 'truncated');
      // What is in flight on the server is waited for in the background: everything else is up to date.
      if (covered && waits.length > 0 && waits.every((item) => item.retryAfter !== undefined))
        return Math.min(...waits.map((item) => item.retryAfter as number));
    }
    throw new ConfabError('INTERNAL', 'Catching up does not come to an end');
  }

  #finish(): void {
    this.#run = undefined;
    this.#steps.done();
    const again = this.#again;
    this.#again = undefined;
    if (again) this.request(again);
  }

  #later(from: 'list' | 'sync', pause: number): void {
    this.#callOff?.();
    this.#callOff = this.#environment.after(pause, () => {
      this.#callOff = undefined;
      this.request(from);
    });
  }
}

/** One call names all, where that is allowed; else part by part. New conversations are then found in the list, which comes first. */
function partsOf(known: readonly string[]): (readonly string[] | undefined)[] {
  if (known.length <= NAMED_AT_ONCE) return [undefined];
  const starts = Array.from({ length: Math.ceil(known.length / NAMED_AT_ONCE) }, (_, i) => i * NAMED_AT_ONCE);
  return starts.map((start) => known.slice(start, start + NAMED_AT_ONCE));
}
