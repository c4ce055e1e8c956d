/** findAndModify: find one document, change or remove it, answer with it before or after. One write job, so atomic. */
import { type Document, Int32 } from 'bson';
import { decodeTyped, isDocument, isTruthy } from '../bson/typed-values.ts';
import type { QuerySpec } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import { compileProjection, type Projection } from '../query/projection.ts';
import { parseSort } from '../query/sort-order.ts';
import { idOf } from '../store/collection.ts';
import type { CompiledUpdate } from '../update/compile-update.ts';
import { type Command, checkFields, collationArgument, documentArgument, flagArgument, isDurable } from './command.ts';
import { insertUpsert, nextFound, updateFound } from './modify-document.ts';
import { hintArgument } from './read-commands.ts';
import { compileUpdateOf, writableName } from './write-commands.ts';

const FIELDS = [
  'query',
  'sort',
  'hint',
  'collation',
  'arrayFilters',
  'remove',
  'update',
  'new',
  'fields',
  'upsert',
  'bypassDocumentValidation',
  'let',
];

interface Outcome {
  value: Buffer | null;
  lastErrorObject: Document;
}

interface Plan {
  name: string;
  spec: QuerySpec;
  remove: boolean;
  returnNew: boolean;
  upsert: boolean;
}

/** The `findAndModify` command. */
export async function findAndModify(command: Command): Promise<Document> {
  checkFields(command, FIELDS);
  const { engine, body } = command;
  const plan = readPlan(command);
  const projection = projectionOf(command, plan.spec);
  if (plan.remove) checkRemove(command, plan);
  else if (body.update === undefined)
    fail(ErrorCode.FailedToParse, 'Either an update or remove=true must be specified');
  const outcome = await engine.store.writer.write(() => {
    if (plan.remove) return remove(command, plan);
    const update = compileUpdateOf(command, body.update, body, plan.spec);
    return modify(command, plan, update);
  }, isDurable(command));
  const value = outcome.value && projection ? projection(outcome.value) : outcome.value;
  return { lastErrorObject: outcome.lastErrorObject, value: value && decodeTyped(value), ok: 1 };
}

function readPlan(command: Command): Plan {
  const { body } = command;
  const spec: QuerySpec = {
    filter: documentArgument(command, 'query') ?? {},
    sort: parseSort(body.sort),
    hint: hintArgument(body),
    collation: collationArgument(body),
    variables: documentArgument(command, 'let'),
    limit: 1,
  };
  return {
    name: writableName(command),
    spec,
    remove: isTruthy(body.remove),
    returnNew: flagArgument(command, 'new', false),
    upsert: flagArgument(command, 'upsert', false),
  };
}

function checkRemove(command: Command, plan: Plan): void {
  if (command.body.update !== undefined) fail(ErrorCode.FailedToParse, 'Cannot specify both an update and remove=true');
  if (plan.upsert) fail(ErrorCode.FailedToParse, 'Cannot specify both upsert=true and remove=true');
  if (plan.returnNew)
    fail(
      ErrorCode.FailedToParse,
      "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document",
    );
}

function projectionOf(command: Command, spec: QuerySpec): Projection | undefined {
  const fields = command.body.fields;
  return compileProjection(isDocument(fields) ? fields : undefined, {
    filter: spec.filter,
    context: command.engine.filterContext(spec.collation, spec.variables),
    collation: spec.collation,
    variables: spec.variables,
    now: command.engine.now(),
  });
}

function remove(command: Command, plan: Plan): Outcome {
  const { engine } = command;
  const collection = engine.catalog.find(command.database, plan.name);
  const found = nextFound(engine.open(collection, plan.spec));
  if (!collection || !found) return { value: null, lastErrorObject: { n: new Int32(0) } };
  collection.remove(found.record, found.document);
  return { value: found.document, lastErrorObject: { n: new Int32(1) } };
}

function modify(command: Command, plan: Plan, update: CompiledUpdate): Outcome {
  const { engine } = command;
  const collection = engine.catalog.find(command.database, plan.name);
  const found = nextFound(engine.open(collection, plan.spec));
  if (collection && found) {
    const after = updateFound(engine, collection, found, update, plan.spec);
    const value = plan.returnNew ? (after ?? found.document) : found.document;
    return { value, lastErrorObject: { n: new Int32(1), updatedExisting: true } };
  }
  if (!plan.upsert) return { value: null, lastErrorObject: { n: new Int32(0), updatedExisting: false } };
  const target = engine.catalog.findOrCreate(command.database, plan.name);
  const { document } = insertUpsert(engine, target, update, plan.spec);
  const lastErrorObject = { n: new Int32(1), updatedExisting: false, upserted: idOf(document) };
  return { value: plan.returnNew ? document : null, lastErrorObject };
}
