/** insert, update, delete. */
import { type Document, Int32 } from 'bson';
import { compilePipelineUpdate } from '../aggregate/pipeline-update.ts';
import { MAX_DOCUMENT_BYTES } from '../bson/check-document.ts';
import { isDocument, isTruthy, numberOf, typeNameOf } from '../bson/typed-values.ts';
import type { QuerySpec } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { DocumentCursor } from '../query/document-cursor.ts';
import { parseSort } from '../query/sort-order.ts';
import { type Collection, withIdFirst } from '../store/collection.ts';
import { checkCollectionName, checkDatabaseName } from '../store/namespace.ts';
import { type CompiledUpdate, compileUpdate } from '../update/compile-update.ts';
import {
  type Command,
  checkFields,
  collationArgument,
  collectionName,
  documentArgument,
  rawDocuments,
  typedDocuments,
} from './command.ts';
import { insertUpsert, nextFound, updateFound } from './modify-document.ts';
import { hintArgument } from './read-commands.ts';
import { TURN_MS } from './result-stream.ts';
import { runStatements, type TurnListener, writeReply } from './write-batch.ts';

/** The collection's name, checked for being one that can be created. */
export function writableName(command: Command): string {
  const name = collectionName(command);
  checkDatabaseName(command.database);
  checkCollectionName(command.database, name);
  return name;
}

/** The `insert` command. */
export async function insert(command: Command): Promise<Document> {
  checkFields(command, ['documents', 'ordered', 'bypassDocumentValidation']);
  const { engine, database } = command;
  const name = writableName(command);
  const documents = rawDocuments(command, 'documents');
  const errors = await runStatements(command, documents.length, (index) => {
    const document = documents[index]!;
    if (document.length > MAX_DOCUMENT_BYTES) {
      fail(
        ErrorCode.BSONObjectTooLarge,
        `object to insert too large. size in bytes: ${document.length}, max size: ${MAX_DOCUMENT_BYTES}`,
      );
    }
    const collection = engine.catalog.findOrCreate(database, name);
    collection.insert(withIdFirst(document, () => engine.newObjectId()));
    return true;
  });
  const all = command.body.ordered === false || errors.length === 0;
  const n = all ? documents.length - errors.length : numberOf(errors[0]!.index)!;
  return writeReply({ n: new Int32(n) }, errors);
}

/** A parsed update statement and what it has done so far. */
interface UpdateStatement {
  readonly spec: QuerySpec;
  readonly update: CompiledUpdate;
  readonly multi: boolean;
  readonly upsert: boolean;
  cursor?: DocumentCursor | undefined;
  /** The collection that the cursor reads: another object after any transaction was rolled back. */
  source?: Collection;
  seen: Set<number>;
  matched: number;
  modified: number;
  upserted?: { id: unknown };
  /** Where the current transaction began, to go back to when it is rolled back. */
  checkpoint?: { matched: number; modified: number; added: number[] };
}

/** Compiles the update of a statement or of findAndModify. */
export function compileUpdateOf(command: Command, update: unknown, source: Document, spec: QuerySpec): CompiledUpdate {
  return compileUpdate(update, {
    arrayFilters: source.arrayFilters,
    collation: spec.collation,
    compilePipeline: (stages) =>
      compilePipelineUpdate(stages, {
        now: command.engine.now(),
        variables: { ...spec.variables, ...(source.c as Document) },
      }),
  });
}

function parseUpdate(command: Command, statement: Document): UpdateStatement {
  const filter = statement.q;
  if (!isDocument(filter)) {
    return fail(
      ErrorCode.TypeMismatch,
      `BSON field 'update.updates.q' is the wrong type '${typeNameOf(filter)}', expected type 'object'`,
    );
  }
  const multi = isTruthy(statement.multi);
  const spec: QuerySpec = {
    filter,
    hint: hintArgument(statement),
    collation: collationArgument(statement),
    sort: parseSort(statement.sort),
    variables: documentArgument(command, 'let'),
  };
  if (spec.sort && multi) fail(ErrorCode.FailedToParse, 'Cannot specify sort with multi=true');
  const update = compileUpdateOf(command, statement.u, statement, spec);
  if (multi && update.isReplacement)
    fail(ErrorCode.FailedToParse, 'multi update is not supported for replacement-style update');
  return { spec, update, multi, upsert: isTruthy(statement.upsert), seen: new Set(), matched: 0, modified: 0 };
}

/** The `update` command. */
export async function update(command: Command): Promise<Document> {
  checkFields(command, ['updates', 'ordered', 'bypassDocumentValidation', 'let']);
  const name = writableName(command);
  const statements = typedDocuments(command, 'updates');
  for (const statement of statements) requireFields('update.updates', statement, ['q', 'u']);
  const states: (UpdateStatement | undefined)[] = statements.map(() => undefined);
  const run = (index: number) => {
    // after a rollback a single update starts afresh; a multi update goes on with the documents that are left
    let state = states[index];
    if (!state?.multi) {
      state = parseUpdate(command, statements[index]!);
      states[index] = state;
    }
    return runUpdate(command, name, state);
  };
  const errors = await runStatements(command, statements.length, run, checkpoints(states));
  const done = states.filter((state) => state !== undefined);
  const upserted = states.flatMap((state, index) =>
    state?.upserted ? [{ index: new Int32(index), _id: state.upserted.id }] : [],
  );
  const counts: Document = {
    n: new Int32(done.reduce((sum, { matched }) => sum + matched, 0) + upserted.length),
    nModified: new Int32(done.reduce((sum, { modified }) => sum + modified, 0)),
  };
  if (upserted.length > 0) counts.upserted = upserted;
  return writeReply(counts, errors);
}

/** A statement without these is an error of the whole command. */
function requireFields(owner: string, statement: Document, fields: readonly string[]): void {
  for (const field of fields) {
    if (statement[field] === undefined) fail(40414, `BSON field '${owner}.${field}' is missing but a required field`);
  }
}

/** Keeps the progress of multi updates in step with the transactions that hold it. */
function checkpoints(states: (UpdateStatement | undefined)[]): TurnListener {
  return {
    begin: () => {
      for (const state of states) {
        if (state?.multi) state.checkpoint = { matched: state.matched, modified: state.modified, added: [] };
      }
    },
    rollBack: () => {
      for (const state of states) {
        if (!state?.checkpoint) continue;
        for (const record of state.checkpoint.added) state.seen.delete(record);
        state.matched = state.checkpoint.matched;
        state.modified = state.checkpoint.modified;
        state.cursor = undefined;
      }
    },
  };
}

function runUpdate(command: Command, name: string, state: UpdateStatement): boolean {
  const { engine, database } = command;
  const collection = engine.catalog.find(database, name);
  if (collection) {
    const ends = performance.now() + TURN_MS;
    follow(state, collection);
    state.cursor ??= engine.open(collection, state.multi ? state.spec : { ...state.spec, limit: 1 });
    for (let found = nextFound(state.cursor); found; found = nextFound(state.cursor)) {
      if (state.seen.has(found.record)) continue; // the update moved it ahead in the index that is being scanned
      if (state.multi) {
        state.seen.add(found.record);
        state.checkpoint ??= { matched: 0, modified: 0, added: [] };
        state.checkpoint.added.push(found.record);
      }
      const isModified = updateFound(engine, collection, found, state.update, state.spec) !== undefined;
      state.matched++; // what failed counts for nothing, as in MongoDB
      if (isModified) state.modified++;
      if (!state.multi) return true;
      if (performance.now() > ends) {
        state.cursor.pause();
        return false;
      }
    }
  }
  if (state.matched === 0 && state.upsert) {
    const target = engine.catalog.findOrCreate(database, name);
    state.upserted = { id: insertUpsert(engine, target, state.update, state.spec).id };
  } else if (!collection) engine.parse(state.spec);
  return true;
}

interface DeleteStatement {
  readonly spec: QuerySpec;
  readonly single: boolean;
  cursor?: DocumentCursor | undefined;
  /** The collection that the cursor reads: another object after any transaction was rolled back. */
  source?: Collection;
  removed: number;
  /** What `removed` was when the current transaction began. */
  removedBefore: number;
}

function parseDelete(command: Command, statement: Document): DeleteStatement {
  const filter = statement.q;
  if (!isDocument(filter)) {
    return fail(
      ErrorCode.TypeMismatch,
      `BSON field 'delete.deletes.q' is the wrong type '${typeNameOf(filter)}', expected type 'object'`,
    );
  }
  const limit = numberOf(statement.limit);
  if (limit !== 0 && limit !== 1) {
    fail(ErrorCode.FailedToParse, `The limit field in delete objects must be 0 or 1. Got ${limit}`);
  }
  const spec: QuerySpec = {
    filter,
    hint: hintArgument(statement),
    collation: collationArgument(statement),
    variables: documentArgument(command, 'let'),
  };
  return { spec, single: limit === 1, removed: 0, removedBefore: 0 };
}

/** The `delete` command. */
export async function deleteDocuments(command: Command): Promise<Document> {
  checkFields(command, ['deletes', 'ordered', 'let']);
  const name = writableName(command);
  const statements = typedDocuments(command, 'deletes');
  for (const statement of statements) requireFields('delete.deletes', statement, ['q', 'limit']);
  const states: (DeleteStatement | undefined)[] = statements.map(() => undefined);
  const run = (index: number) => {
    let state = states[index];
    if (!state || state.single) {
      state = parseDelete(command, statements[index]!);
      states[index] = state;
    }
    return runDelete(command, name, state);
  };
  const errors = await runStatements(command, statements.length, run, deleteCheckpoints(states));
  const n = states.reduce((sum, state) => sum + (state?.removed ?? 0), 0);
  return writeReply({ n: new Int32(n) }, errors);
}

/** Keeps what was removed in step with the transactions that hold it: what was rolled back is there again. */
function deleteCheckpoints(states: (DeleteStatement | undefined)[]): TurnListener {
  return {
    begin: () => {
      for (const state of states) if (state) state.removedBefore = state.removed;
    },
    rollBack: () => {
      for (const state of states) {
        if (!state) continue;
        state.removed = state.removedBefore;
        state.cursor = undefined;
      }
    },
  };
}

/** A cursor ends where its collection was read anew after a rollback: the statement goes on with another one. */
function follow(state: UpdateStatement | DeleteStatement, collection: Collection): void {
  if (state.source !== collection) state.cursor = undefined;
  state.source = collection;
}

function runDelete(command: Command, name: string, state: DeleteStatement): boolean {
  const { engine, database } = command;
  const collection = engine.catalog.find(database, name);
  if (!collection) {
    engine.parse(state.spec);
    return true;
  }
  const ends = performance.now() + TURN_MS;
  follow(state, collection);
  state.cursor ??= engine.open(collection, state.single ? { ...state.spec, limit: 1 } : state.spec);
  for (let found = nextFound(state.cursor); found; found = nextFound(state.cursor)) {
    collection.remove(found.record, found.document);
    state.removed++;
    if (state.single) return true;
    if (performance.now() > ends) {
      state.cursor.pause();
      return false;
    }
  }
  return true;
}
