/** How far a client is in one conversation. All three only grow. */
export interface SyncCursor {
  /** Every message up to here was given. */
  seq: number;
  /** Every change up to here was given. */
  changeSeq: number;
  /** Sum of all members' deliveredSeq and readSeq: equal sums only where nothing moved. */
  marks: number;
}

export const formatCursor = (cursor: SyncCursor): string => `${cursor.seq}.${cursor.changeSeq}.${cursor.marks}`;

/** @param text as the contract's pattern allows it: three numbers */
export function parseCursor(text: string): SyncCursor {
  const [seq = 0, changeSeq = 0, marks = 0] = text.split('.').map(Number);
  return { seq, changeSeq, marks };
}

/**
 * The part of a page that a cursor may pass: it ends before the first missing seq, because that message may still be in flight.
 * @param rows ascending, above `from`
 * @returns how many of the rows are dense from `from` on
 */
export function densePrefix(rows: readonly { seq: number }[], from: number): number {
  const hole = rows.findIndex((row, index) => row.seq !== from + index + 1);
  return hole === -1 ? rows.length : hole;
}
