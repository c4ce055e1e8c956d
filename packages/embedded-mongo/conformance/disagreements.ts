/**
 * Where a server at hand answers otherwise than the suite expects, with the reason and the side that is right. A case
 * that is listed must really differ: when a server changes its mind, the list has to be changed too.
 */
export interface Disagreement {
  /** Which server: what its buildInfo lists in `modules`. */
  readonly server: string;
  readonly cases: readonly (string | RegExp)[];
  readonly right: 'suite' | 'server' | 'open';
  readonly reason: string;
}

const DOCUMENTDB = 'documentdb';

export const disagreements: readonly Disagreement[] = [
  {
    server: DOCUMENTDB,
    cases: [/^collation: /],
    right: 'suite',
    reason: 'it refuses every collation; MongoDB has them',
  },
  {
    server: DOCUMENTDB,
    cases: [
      'filter error: invalid regex',
      'filter error: unknown field of find',
      'filter error: negative skip',
      'filter error: sort order must be 1 or -1',
      /^projection error: (exclusion in|inclusion in|path collision|unknown expression)/,
      'update error: an empty path',
      'update error: an empty name in a path',
      'update error: a stage that updates may not have',
      'update error: $pop from a number',
      'update error: $rename to itself',
      'update error: $[id] as the first name',
      'insert: an array as _id',
      'insert: no documents',
      /^createIndexes: (same key with another name|empty key|direction 0|sparse and partial together|negative expiry)$/,
      'listIndexes: no collection',
      'dropIndexes: _id',
      /^command error: (find without a name|find with an empty name|insert into an invalid name|insert without documents)$/,
      /^command error: (delete without a limit|aggregate without a pipeline|distinct without a key)$/,
      /^pipeline error: (unknown stage|two fields in a stage|\$limit 0|\$group without _id|unknown accumulator)$/,
      /^pipeline error: (unknown expression|\$unwind without \$|\$count of an empty name|\$replaceRoot with text)$/,
      /^pipeline error: (undefined variable|\$size of text)$/,
    ],
    right: 'suite',
    reason: 'it fails as well, with a code of its own (mostly 8, UnknownError) instead of MongoDB’s',
  },
  {
    server: DOCUMENTDB,
    cases: ['filter error: negative limit'],
    right: 'suite',
    reason: 'it takes a negative limit of find as its absolute value, as the wire protocol before OP_MSG did',
  },
  {
    server: DOCUMENTDB,
    cases: ['sort: arrays descending by their greatest element'],
    right: 'suite',
    reason: 'MongoDB orders an empty array below null and missing, in both directions',
  },
  {
    server: DOCUMENTDB,
    cases: ['find: natural order is the order of insertion', 'hint $natural backwards'],
    right: 'suite',
    reason: 'it scans in the order of _id and ignores $natural; MongoDB scans in the order of insertion',
  },
  {
    server: DOCUMENTDB,
    cases: ['$set: new fields in the order of their names'],
    right: 'suite',
    reason: 'MongoDB adds the fields of one update in lexicographic order (manual, "Update Operators")',
  },
  {
    server: DOCUMENTDB,
    cases: ['createIndexes: parallel arrays', 'insert: parallel arrays in an index'],
    right: 'suite',
    reason: 'MongoDB refuses two arrays in one compound index (code 171)',
  },
  {
    server: DOCUMENTDB,
    cases: [
      /^createIndexes: (counts|the same again is no error|creates the collection)$/,
      /^dropIndexes: (by name|by key|all)$/,
      'listIndexes',
    ],
    right: 'suite',
    reason: 'it answers in the shape of a sharded cluster (`raw`), and shows its own storage options in listIndexes',
  },
  {
    server: DOCUMENTDB,
    cases: ['stage: $count of nothing', 'stage: $facet of nothing'],
    right: 'suite',
    reason: 'MongoDB gives no document when $count gets none (manual: "$count" is $group by null)',
  },
  {
    server: DOCUMENTDB,
    cases: ['pipeline error: $project of nothing'],
    right: 'suite',
    reason: 'MongoDB requires at least one field',
  },
];

/** The entry for a case on a server, if they are known to disagree. */
export function disagreementOn(modules: readonly string[], name: string): Disagreement | undefined {
  return disagreements.find(
    ({ server, cases }) =>
      modules.includes(server) &&
      cases.some((wanted) => (typeof wanted === 'string' ? wanted === name : wanted.test(name))),
  );
}
