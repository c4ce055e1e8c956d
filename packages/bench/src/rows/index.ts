import type { Row } from '../row.ts';
import { endToEndRows } from './end-to-end.ts';
import { gatewayRows } from './gateway.ts';
import { restRows } from './rest.ts';

/** The lines of the table, in its order. */
export const rows: readonly Row[] = [...gatewayRows, ...restRows, ...endToEndRows];
