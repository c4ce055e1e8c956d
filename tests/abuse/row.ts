import type { AbuseRig } from './rig.ts';

/** What a row works with. */
export interface Trial {
  rig: AbuseRig;
  /** Fewer repetitions, the same checks. */
  quick: boolean;
  seed: number;
  say(line: string): void;
}

export interface Outcome {
  /** How often it was tried. */
  injected: number;
  /** What was measured, in words with units. */
  figure: string;
  /** What speaks against the bar; empty if it is held. */
  problems: string[];
}

export interface AbuseRow {
  id: number;
  name: string;
  injection: string;
  bar: string;
  run(trial: Trial): Promise<Outcome>;
}

/** Collects what speaks against the bar. */
export class Findings {
  readonly problems: string[] = [];
  #checks = 0;

  get checks(): number {
    return this.#checks;
  }

  /** @returns whether it holds */
  check(holds: boolean, otherwise: string): boolean {
    this.#checks += 1;
    if (!holds) this.problems.push(otherwise);
    return holds;
  }
}
