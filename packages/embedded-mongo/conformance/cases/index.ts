import type { ConformanceCase } from '../case-format.ts';
import { aggregation } from './aggregation.ts';
import { commands } from './commands.ts';
import { filters } from './filters.ts';
import { joins } from './joins.ts';
import { projections } from './projections.ts';
import { sorting } from './sorting.ts';
import { updates } from './updates.ts';

/** All cases; their names are unique. */
export const cases: readonly ConformanceCase[] = [
  ...filters,
  ...sorting,
  ...projections,
  ...updates,
  ...commands,
  ...aggregation,
  ...joins,
];
