import type { ServiceName } from '@confab/testkit';
import type { Measure } from './measure/pairs.ts';
import type { Seeded } from './rows/seed-store.ts';

export type Group = 'gateway' | 'rest' | 'e2e' | 'scale' | 'memory' | 'receipts' | 'store';
export const groups: readonly Group[] = ['gateway', 'rest', 'e2e', 'scale', 'memory', 'receipts', 'store'];

/** What a row is measured on. */
export interface Environment {
  redis: { url: string; pid: number | undefined };
  /** `source`: where it comes from, in words. `databases`: what the names of all databases of a run begin with. */
  mongo: { url: string; source: string; databases: string };
  /** A short look: less of everything. */
  quick: boolean;
  /** What `seed` of the row made; absent where a row has none. */
  seeded?: Seeded;
  log(text: string): void;
}

/** The two sides of a row, running. */
export interface Sides {
  subject: Measure;
  peer: Measure;
  close(): Promise<void>;
}

/** One line of the table. */
export interface Row {
  id: string;
  group: Group;
  /** What is measured, and against what. */
  title: string;
  unit: string;
  goal: number;
  better: 'higher' | 'lower';
  /** Whether the result depends on the store. */
  usesStore: boolean;
  /** The service whose code the row runs in its own process, which then has that one's flags of Node. */
  plays?: ServiceName;
  /** Pairs of a run that is not quick, if not the usual number. */
  pairs?: number;
  /** Makes data that is too much to be made for each row: once in a run, in a process of its own, for all rows that have a `seed`. */
  seed?(environment: Environment): Promise<Seeded>;
  open(environment: Environment): Promise<Sides>;
}

/** Whether a ratio reaches the goal of its row. */
export const isHeld = ({ goal, better }: Pick<Row, 'goal' | 'better'>, ratio: number): boolean =>
  better === 'higher' ? ratio >= goal : ratio <= goal;
