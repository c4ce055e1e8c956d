import type { Row } from '../row.ts';
import { endToEndRows } from './end-to-end.ts';
import { gatewayRows } from './gateway.ts';
import { memoryRows } from './memory.ts';
import { receiptsRows } from './receipts.ts';
import { restRows } from './rest.ts';
import { scaleRows } from './scale.ts';
import { storeRows } from './store.ts';

/** The lines of the table, in its order. */
export const rows: readonly Row[] = [
  ...gatewayRows,
  ...restRows,
  ...endToEndRows,
  ...scaleRows,
  ...memoryRows,
  ...receiptsRows,
  ...storeRows,
];
