/**
 * Reads by plain `find` and `aggregate` commands. The driver's cursors decode a reply document by document, for twice the CPU: 500 conversations are
 * 6.3 ms of it and 3.1 by a plain command, 500 memberships 3.2 and 1.2, a single conversation 83 and 59 µs.
 */
import { type Collection, type Db, type Document, type Filter, Long } from 'mongodb';
import { ONE_REPLY } from './collections.ts';

export interface ReadOptions {
  projection?: Document | undefined;
  sort?: Record<string, 1 | -1> | undefined;
  skip?: number | undefined;
  /** Absent: all there are. */
  limit?: number | undefined;
}

type Source = Pick<Collection, 'collectionName' | 'readConcern' | 'readPreference'>;

interface CursorReply {
  cursor: { id: number | bigint | Long; firstBatch: Document[] };
}

/** The rows of a query. What a first reply cannot hold is read with a cursor of the driver. */
export async function findRows<T extends Document>(
  db: Db,
  collection: Collection<T>,
  filter: Filter<T>,
  options: ReadOptions = {},
  batchSize: number = ONE_REPLY.batchSize,
): Promise<T[]> {
  const command = { find: collection.collectionName, filter, ...options, batchSize };
  const rows = await firstBatch(db, collection, command);
  // Rows are read again from the first: a cursor can only go on in the session that it was opened in, and lists of this size are rare.
  return (rows ?? (await collection.find(filter, { ...options, batchSize } as object).toArray())) as T[];
}

/** The first row of a query, or null. */
export async function findRow<T extends Document>(
  db: Db,
  collection: Collection<T>,
  filter: Filter<T>,
  options: ReadOptions = {},
): Promise<T | null> {
  const command = { find: collection.collectionName, filter, ...options, limit: 1, singleBatch: true };
  const rows = await firstBatch(db, collection, command);
  return (rows?.[0] ?? null) as T | null;
}

/** What a pipeline makes. */
export async function aggregateRows<R extends Document>(
  db: Db,
  collection: Pick<Collection, 'aggregate'> & Source,
  pipeline: readonly Document[],
  batchSize: number = ONE_REPLY.batchSize,
): Promise<R[]> {
  const command = { aggregate: collection.collectionName, pipeline, cursor: { batchSize } };
  const rows = await firstBatch(db, collection, command);
  return (rows ?? (await collection.aggregate([...pipeline], { batchSize }).toArray())) as R[];
}

/**
 * Text is not searched for characters that stand for wrong UTF-8: what is stored was encoded by a driver, and the search was 9% of our
 * CPU for a list of 500 conversations.
 */
const OPTIONS = { ignoreUndefined: true, enableUtf8Validation: false } as const;

/** @returns undefined if there is more than one reply holds */
async function firstBatch(
  db: Db,
  { collectionName, readConcern, readPreference }: Source,
  command: Document,
): Promise<Document[] | undefined> {
  const options = { ...OPTIONS, ...(readPreference && { readPreference }) };
  const concern = readConcern && { readConcern: readConcern.toJSON() };
  const { cursor } = (await db.command({ ...command, ...concern }, options)) as unknown as CursorReply;
  const { id, firstBatch: rows } = cursor;
  if (Number(id) === 0) return rows;
  const open = typeof id === 'number' ? Long.fromNumber(id) : id;
  // May fail: the read has succeeded, and the server closes idle cursors by itself after 10 minutes.
  await db.command({ killCursors: collectionName, cursors: [open] }, options).catch(() => {});
  return undefined;
}
