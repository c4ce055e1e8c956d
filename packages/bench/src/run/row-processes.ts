import { NODE_FLAGS } from '@confab/testkit';
import type { RowResult } from '../report/results.ts';
import type { Environment, Row } from '../row.ts';
import type { Seeded } from '../rows/seed-store.ts';
import { runApart } from './apart.ts';
import type { RowOptions } from './run-row.ts';

/** What a process is started for: to seed for a row and those after it, or to measure it. */
export interface RowTask {
  what: 'seed' | 'measure';
  /** The row's id. */
  row: string;
  environment: Omit<Environment, 'log'>;
  options: RowOptions;
}

const ENTRY = new URL('./row-main.ts', import.meta.url);

/**
 * Measures rows, each in a process of its own: what one leaves in its heap is not the next one's. Stores are those of the
 * environment, and what is seeded is seeded once.
 */
export class RowProcesses {
  readonly #environment: Environment;
  readonly #options: RowOptions;
  readonly #signal: AbortSignal;
  #seeded: Seeded | undefined;

  /** @param signal kills the process that is at work, and lets no other start */
  constructor(environment: Environment, { pairs, quick }: RowOptions, signal: AbortSignal) {
    this.#environment = environment;
    this.#options = { pairs, quick };
    this.#signal = signal;
  }

  /** @throws Error if it cannot be seeded or measured, or its process dies; the reason of the signal */
  async measure(row: Row): Promise<RowResult> {
    // Not by the process that measures: a million documents would be in its heap. A seeding that fails is tried again by the next row.
    if (row.seed) this.#seeded ??= await this.#run<Seeded>('seed', row);
    return this.#run<RowResult>('measure', row);
  }

  #run<Result>(what: RowTask['what'], row: Row): Promise<Result> {
    const { redis, mongo, quick, log } = this.#environment;
    const task: RowTask = {
      ...{ what, row: row.id, options: this.#options },
      environment: { redis, mongo, quick, seeded: row.seed && this.#seeded },
    };
    const flags = row.plays && NODE_FLAGS[row.plays];
    return runApart<Result>(task, { entry: ENTRY, ...(flags && { flags }), log, signal: this.#signal });
  }
}
