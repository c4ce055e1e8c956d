/** $group. */
import { type Collation, collatedIdentity } from '../bson/collation.ts';
import { isDocument, numberOf, setField, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { FieldTree } from '../query/raw-projection.ts';
import { type Accumulator, type AccumulatorFactory, compileAccumulator } from './accumulators.ts';
import { compileExpression, scopeOf } from './expression.ts';
import type { Expression } from './scope.ts';
import { blockingStream, streamOf, type TypedStream } from './typed-stream.ts';

/** MongoDB's limit of a stage that keeps its input in memory. */
export const STAGE_LIMIT_BYTES = 100 * 1024 * 1024;

/** What a group takes beside its identity and what its accumulators hold, roughly. */
export const GROUP_BYTES = 200;

/** Throws MongoDB's error when the groups take more than a stage may. */
export function refuseLargeGroups(bytes: number): void {
  if (bytes <= STAGE_LIMIT_BYTES) return;
  fail(
    ErrorCode.QueryExceededMemoryLimitNoDiskUseAllowed,
    `PlanExecutor error during aggregation :: caused by :: Exceeded memory limit for $group, but didn't allow external sort. Pass allowDiskUse:true to opt in.`,
  );
}

interface Group {
  id: unknown;
  accumulators: Accumulator[];
}

export interface GroupSpec {
  readonly id: Expression;
  readonly fields: readonly { name: string; make: AccumulatorFactory }[];
}

/** Compiles the operand of $group. */
export function compileGroup(spec: unknown): GroupSpec {
  if (!isDocument(spec)) return fail(15947, "a group's fields must be specified in an object");
  if (!('_id' in spec)) fail(15955, 'a group specification must include an _id');
  const fields = Object.entries(spec)
    .filter(([name]) => name !== '_id')
    .map(([name, accumulator]) => compileField(name, accumulator));
  return { id: compileExpression(spec._id), fields };
}

function compileField(name: string, accumulator: unknown): GroupSpec['fields'][number] {
  if (name.includes('.')) fail(40235, `The field name '${name}' cannot contain '.'`);
  if (!isDocument(accumulator)) return fail(40234, `The field '${name}' must be an accumulator object`);
  const entries = Object.entries(accumulator);
  if (entries.length !== 1) fail(40238, `The field '${name}' must specify one accumulator`);
  const [operator, operand] = entries[0]!;
  if (!operator.startsWith('$')) fail(40234, `The field '${name}' must be an accumulator object`);
  return { name, make: compileAccumulator(operator, operand) };
}

/**
 * The fields of a document that a $group reads: only where its operands are paths of fields, and numbers. Undefined where they are more than that
 * (an operator may read anything), or the spec is none.
 */
export function fieldsOfGroup(spec: unknown): FieldTree | undefined {
  if (!isDocument(spec)) return undefined;
  const { _id, ...fields } = spec;
  const accumulators = Object.values(fields);
  if (!accumulators.every((accumulator) => isDocument(accumulator))) return undefined;
  const operands = [_id, ...accumulators.flatMap((accumulator) => Object.values(accumulator as TypedDocument))];
  const names = operands.filter((operand) => numberOf(operand) === undefined);
  if (!names.every((name): name is string => typeof name === 'string' && /^\$[^$]/.test(name))) return undefined;
  return new Map(names.map((name) => [name.slice(1).split('.')[0]!, true]));
}

/** Groups a stream. */
export function groupStream(
  source: TypedStream,
  { id, fields }: GroupSpec,
  variables: Record<string, unknown>,
  collation: Collation | undefined,
): TypedStream {
  const groups = new Map<string, Group>();
  let bytes = 0;
  const take = (document: TypedDocument) => {
    const scope = scopeOf(document, variables);
    const value = id(scope) ?? null;
    const identity = collatedIdentity(value, collation);
    let group = groups.get(identity);
    if (!group) {
      group = { id: value, accumulators: fields.map(({ make }) => make()) };
      groups.set(identity, group);
      bytes += identity.length + GROUP_BYTES;
    }
    for (const accumulator of group.accumulators) {
      const before = accumulator.bytes;
      accumulator.add(scope);
      bytes += accumulator.bytes - before;
    }
    refuseLargeGroups(bytes);
  };
  const finish = () =>
    streamOf(
      [...groups.values()].map((group) => {
        const result: TypedDocument = { _id: group.id };
        for (const [i, { name }] of fields.entries()) setField(result, name, group.accumulators[i]!.result());
        return result;
      }),
    );
  return blockingStream(source, take, finish);
}
