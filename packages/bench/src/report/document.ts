import type { Row } from '../row.ts';
import type { RunResult } from './results.ts';

export async function writeDocument(
  _folder: string,
  _rows: readonly Row[],
  _runs: readonly RunResult[],
): Promise<void> {}
