import type { Row } from '../row.ts';
import { gatewayRows } from './gateway.ts';

/** The lines of the table, in its order. */
export const rows: readonly Row[] = [...gatewayRows];
