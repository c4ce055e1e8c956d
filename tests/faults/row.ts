import type { MemoryWatch } from './checks/processes.ts';
import type { Load, LoadOptions } from './load.ts';
import type { Random } from './random.ts';
import type { Rig } from './rig.ts';

/** What a row works with. */
export interface Trial {
  rig: Rig;
  load: Load;
  random: Random;
  memory: MemoryWatch;
  /** How often to inject; fewer in the short version. */
  times: number;
  short: boolean;
  /** A folder for evidence. */
  folder: string;
  mongodbUrl: string;
  /** One line of progress. */
  say(line: string): void;
}

export interface Outcome {
  /** How often the fault was injected in fact. */
  injected: number;
  /** What was measured, in words with units. */
  figure: string;
  /** What speaks against the bar; empty if it is held. */
  problems: string[];
}

/** One row of the fault table. */
export interface FaultRow {
  id: number;
  name: string;
  injection: string;
  bar: string;
  times: { full: number; short: number };
  /** Which proxies it needs. */
  proxies?: { redis?: boolean; mongo?: boolean };
  gatewayEnv?: { full?: Record<string, string>; short?: Record<string, string> };
  /** The load that runs meanwhile. */
  load?: LoadOptions;
  /** Injects the fault and measures. The invariants are checked afterwards by the runner. @throws CannotRun */
  run(trial: Trial): Promise<Outcome>;
}

/** This machine has not what the row needs. The row counts as not held, with this reason. */
export class CannotRun extends Error {}
