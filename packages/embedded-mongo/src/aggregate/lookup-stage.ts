/** $lookup and $unionWith. */
import type { Document } from 'bson';
import { isDocument, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { setComputed } from '../query/computed-paths.ts';
import { compileExpression, scopeOf, valueAtPath } from './expression.ts';
import { type PipelineContext, runPipeline } from './pipeline.ts';
import type { Expression } from './scope.ts';
import { collect, decodeStream, flatMapStream, type TypedStream } from './typed-stream.ts';

interface Lookup {
  from: string;
  as: string[];
  localField: string[] | undefined;
  foreignField: string | undefined;
  variables: readonly (readonly [string, Expression])[];
  pipeline: readonly Document[];
}

export function parseLookup(operand: unknown): Lookup {
  if (!isDocument(operand)) return fail(ErrorCode.FailedToParse, 'the $lookup specification must be an object');
  for (const name of Object.keys(operand)) {
    if (!['from', 'as', 'localField', 'foreignField', 'let', 'pipeline'].includes(name))
      fail(ErrorCode.FailedToParse, `unknown argument to $lookup: ${name}`);
  }
  const { from, as, localField, foreignField, pipeline } = operand;
  if (typeof as !== 'string') return fail(ErrorCode.FailedToParse, "must specify 'as' field for a $lookup");
  if (typeof from !== 'string') return fail(ErrorCode.FailedToParse, "must specify 'from' field for a $lookup");
  if (
    (localField === undefined) !== (foreignField === undefined) ||
    (localField === undefined && !Array.isArray(pipeline))
  ) {
    fail(
      ErrorCode.FailedToParse,
      "$lookup requires either 'pipeline' or both 'localField' and 'foreignField' to be specified",
    );
  }
  return {
    from,
    as: as.split('.'),
    localField: typeof localField === 'string' ? localField.split('.') : undefined,
    foreignField: typeof foreignField === 'string' ? foreignField : undefined,
    variables: Object.entries((operand.let as Document | undefined) ?? {}).map(([name, value]) => [
      name,
      compileExpression(value),
    ]),
    pipeline: (pipeline as Document[] | undefined) ?? [],
  };
}

/** Compiles $lookup: each document gets the list of its partners. */
export function lookupStream(
  operand: unknown,
  context: PipelineContext,
  variables: Record<string, unknown>,
): (source: TypedStream) => TypedStream {
  const lookup = parseLookup(operand);
  const partners = (document: TypedDocument): TypedDocument[] => {
    const scope = scopeOf(document, variables);
    const own = Object.fromEntries(lookup.variables.map(([name, value]) => [name, value(scope) ?? null]));
    const inner: PipelineContext = { ...context, hint: undefined, variables: { ...context.variables, ...own } };
    const match = lookup.foreignField === undefined ? [] : [{ $match: joinFilter(document, lookup) }];
    return collect(decodeStream(runPipeline(lookup.from, [...match, ...lookup.pipeline], inner)));
  };
  return (source) =>
    flatMapStream(source, (document) => {
      const result = { ...document };
      setComputed(result, lookup.as, () => partners(document));
      return [result];
    });
}

/** The partners of a value; of an array, those of any of its elements. A missing field joins null. */
function joinFilter(document: TypedDocument, { localField, foreignField }: Lookup): Document {
  const local = valueAtPath(document, localField!) ?? null;
  if (!Array.isArray(local)) return { [foreignField!]: { $eq: local } };
  return {
    $or:
      local.length === 0 ? [{ $alwaysFalse: 1 }] : local.map((value) => ({ [foreignField!]: { $eq: value ?? null } })),
  };
}

/** Compiles $unionWith. */
export function unionStream(operand: unknown, context: PipelineContext): (source: TypedStream) => TypedStream {
  const spec = typeof operand === 'string' ? { coll: operand } : operand;
  if (!isDocument(spec) || typeof spec.coll !== 'string') {
    return fail(ErrorCode.FailedToParse, 'the $unionWith stage specification must be an object or string');
  }
  const pipeline = (spec.pipeline as Document[] | undefined) ?? [];
  return (source) => {
    let second: TypedStream | undefined;
    return {
      step: () => {
        if (second) return second.step();
        const document = source.step();
        if (document !== undefined) return document;
        second = decodeStream(runPipeline(spec.coll as string, pipeline, { ...context, hint: undefined }));
        return null;
      },
      pause: () => (second ?? source).pause(),
    };
  };
}
