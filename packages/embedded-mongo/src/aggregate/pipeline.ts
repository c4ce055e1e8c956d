/** Compiles a pipeline. Leading $match, $sort, $skip and $limit become a planned query; the rest runs on typed documents. */
import { type Document, Int32 } from 'bson';
import type { Collation } from '../bson/collation.ts';
import {
  decodeTyped,
  encodeTyped,
  isDocument,
  numberOf,
  type TypedDocument,
  typeNameOf,
} from '../bson/typed-values.ts';
import type { ResultStream } from '../commands/result-stream.ts';
import type { Engine, QuerySpec } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import { type FieldTree, includeFields } from '../query/raw-projection.ts';
import { compareSortValues, parseSort, sortKeyOf, sortValuesOf } from '../query/sort-order.ts';
import { bucketStages } from './bucket-stage.ts';
import { countByField } from './count-by-field.ts';
import { checkStage, documentStage } from './document-stages.ts';
import { baseVariables } from './expression.ts';
import { literals } from './expression-test.ts';
import { compileGroup, fieldsOfGroup, groupStream, STAGE_LIMIT_BYTES } from './group-stage.ts';
import { lookupStream, unionStream } from './lookup-stage.ts';
import { isPlainStage, plainStage } from './plain-stages.ts';
import { rawLookup } from './raw-lookup.ts';
import { refuseStage } from './refused-stages.ts';
import {
  blockingStream,
  collect,
  decodeStream,
  encodeStream,
  flatMapStream,
  streamOf,
  type TypedStream,
} from './typed-stream.ts';
import { compileUnwind } from './unwind-stage.ts';

/** Where a pipeline runs. */
export interface PipelineContext {
  readonly engine: Engine;
  readonly database: string;
  readonly collation: Collation | undefined;
  readonly now: Date;
  /** Evaluated variables of `let`. */
  readonly variables: Document | undefined;
  readonly hint?: unknown;
}

/** The part of a pipeline that a query plan can do, and what is left. */
export interface SplitPipeline {
  readonly spec: QuerySpec;
  readonly rest: readonly Document[];
}

/** Takes the leading stages that a planned query can do. */
export function splitPipeline(pipeline: readonly Document[], context: PipelineContext): SplitPipeline {
  const matches: Document[] = [];
  let sort: unknown;
  let skip: number | undefined;
  let limit: number | undefined;
  let at = 0;
  for (; at < pipeline.length; at++) {
    const [name, operand] = checkStage(pipeline[at]);
    if (name === '$match' && sort === undefined && skip === undefined && limit === undefined)
      matches.push(matchOperand(operand));
    else if (name === '$sort' && sort === undefined && skip === undefined && limit === undefined)
      sort = sortOperand(operand);
    else if (name === '$skip' && skip === undefined && limit === undefined) skip = countOperand('$skip', operand);
    else if (name === '$limit' && limit === undefined) limit = countOperand('$limit', operand);
    else break;
  }
  const spec: QuerySpec = {
    filter: matches.length === 1 ? matches[0]! : matches.length === 0 ? {} : { $and: matches },
    sort: parseSort(sort),
    skip: skip ?? 0,
    limit: limit ?? 0,
    hint: context.hint,
    collation: context.collation,
    variables: context.variables,
  };
  return { spec, rest: pipeline.slice(at) };
}

function matchOperand(operand: unknown): Document {
  if (!isDocument(operand)) return fail(15959, 'the match filter must be an expression in an object');
  return operand;
}

function sortOperand(operand: unknown): Document {
  if (!isDocument(operand)) return fail(15973, 'the $sort key specification must be an object');
  if (Object.keys(operand).length === 0) fail(15976, '$sort stage must have at least one sort key');
  return operand;
}

function countOperand(name: '$skip' | '$limit', operand: unknown): number {
  const number = numberOf(operand);
  const least = name === '$limit' ? 1 : 0;
  if (number === 0 && least === 1) fail(15958, 'the limit must be positive');
  if (number === undefined || !Number.isInteger(number) || number < least) {
    fail(
      name === '$limit' ? 5107201 : 5107200,
      `invalid argument to ${name} stage: Expected a ${least ? 'positive' : 'non-negative'} number in: ${name}: ${String(operand)}`,
    );
  }
  return number!;
}

/** Runs a pipeline on a collection. */
export function runPipeline(
  collectionName: string,
  pipeline: readonly Document[],
  context: PipelineContext,
): ResultStream {
  const { spec, rest } = splitPipeline(pipeline, context);
  const collection = context.engine.catalog.find(context.database, collectionName);
  // Of all of them, before anything is read: what is wrong is refused.
  const build = stagesOf(rest, context);
  const { stream, left } = withRawStages(context.engine.open(collection, spec), rest, context);
  const [stage] = left;
  if (!stage) return stream;
  const counted = countStage(stage, stream);
  if (counted) return encodeStream(stagesOf(left.slice(1), context)(counted));
  const decoded = decodeStream(withFields(stream, fieldsOfStage(stage)));
  return encodeStream((left === rest ? build : stagesOf(left, context))(decoded));
}

/** Does the first stages that need no decoded documents. @returns what is left */
function withRawStages(
  cursor: ResultStream,
  stages: readonly Document[],
  context: PipelineContext,
): { stream: ResultStream; left: readonly Document[] } {
  let stream = cursor;
  for (const [done, stage] of stages.entries()) {
    const next = rawStage(stream, stage, context);
    if (!next) return { stream, left: done === 0 ? stages : stages.slice(done) };
    stream = next;
  }
  return { stream, left: [] };
}

function rawStage(source: ResultStream, stage: Document, context: PipelineContext): ResultStream | undefined {
  if ('$group' in stage) return context.collation ? undefined : countByField(stage, source);
  if (!('$lookup' in stage)) return undefined;
  const inner = { ...context, hint: undefined };
  return rawLookup(source, {
    operand: stage.$lookup,
    run: (from, pipeline) => runPipeline(from, pipeline, inner),
    typed: (decoded) => stagesOf([stage], context)(decoded),
  });
}

/** Leaves out what the stages do not read before it is decoded. */
function withFields(source: ResultStream, fields: FieldTree | undefined): ResultStream {
  if (!fields) return source;
  return {
    step: () => {
      const document = source.step();
      return document ? includeFields(document, fields) : document;
    },
    pause: () => source.pause(),
  };
}

/** Counting needs no decoded documents: $count, and a $group by a constant that only sums constants. */
function countStage(stage: Document, cursor: ResultStream): TypedStream | undefined {
  const name = '$count' in stage ? (stage.$count as string) : undefined;
  const group = '$group' in stage ? constantGroup(stage.$group) : undefined;
  if (name === undefined && !group) return undefined;
  let n = 0;
  let given = false;
  return {
    step: () => {
      if (given) return undefined;
      const document = cursor.step();
      if (document) n++;
      if (document !== undefined) return null;
      given = true;
      if (n === 0) return undefined;
      return group ? group(n) : { [name!]: new Int32(n) };
    },
    pause: () => cursor.pause(),
  };
}

function constantGroup(spec: unknown): ((n: number) => TypedDocument) | undefined {
  if (!isDocument(spec)) return undefined;
  const { _id, ...fields } = spec;
  if (_id !== null && numberOf(_id) === undefined) return undefined;
  const sums = Object.entries(fields).map(([name, accumulator]) => {
    const operand = isDocument(accumulator) && Object.keys(accumulator).length === 1 ? accumulator.$sum : undefined;
    return operand instanceof Int32 && !name.includes('.') ? ([name, operand.value] as const) : undefined;
  });
  if (sums.length === 0 || sums.includes(undefined)) return undefined;
  return (n) => Object.fromEntries([['_id', _id], ...sums.map((sum) => [sum![0], new Int32(sum![1] * n)])]);
}

/** The fields that a first stage reads; undefined: perhaps all of them. */
const fieldsOfStage = (stage: Document): FieldTree | undefined =>
  '$group' in stage ? fieldsOfGroup(stage.$group) : undefined;

type StreamStage = (source: TypedStream) => TypedStream;

/** Compiles stages to one function on streams. */
export function stagesOf(pipeline: readonly Document[], context: PipelineContext): StreamStage {
  const variables = baseVariables(context.now, context.variables && literals(context.variables));
  const stages = pipeline.map((stage, i) => compileStage(stage, context, variables, i));
  return (source) => stages.reduce((stream, stage) => stage(stream), source);
}

function compileStage(
  stage: Document,
  context: PipelineContext,
  variables: Record<string, unknown>,
  position: number,
): StreamStage {
  const [name, operand] = checkStage(stage);
  const single = documentStage(name, operand, variables);
  if (single) return (source) => flatMapStream(source, (document) => [single(document)]);
  switch (name) {
    case '$match':
      return matchStage(operand, context);
    case '$sort':
      return sortStage(operand, context);
    case '$limit':
      return limitStage(countOperand('$limit', operand));
    case '$skip':
      return skipStage(countOperand('$skip', operand));
    case '$group': {
      const group = compileGroup(operand);
      return (source) => groupStream(source, group, variables, context.collation);
    }
    case '$unwind': {
      const unwind = compileUnwind(operand);
      return (source) => flatMapStream(source, unwind);
    }
    case '$lookup':
      return lookupStream(operand, context, variables);
    case '$unionWith':
      return unionStream(operand, context);
    case '$count':
      return countAll(operand);
    case '$sortByCount': {
      const group = compileGroup({ _id: operand, count: { $sum: new Int32(1) } });
      const sort = sortStage({ count: new Int32(-1) }, context);
      return (source) => sort(groupStream(source, group, variables, context.collation));
    }
    case '$bucket': {
      const { group, sort } = bucketStages(operand);
      const compiled = compileGroup(group);
      const sorted = sortStage(sort, context);
      return (source) => sorted(groupStream(source, compiled, variables, context.collation));
    }
    case '$facet':
      return facetStage(operand, context);
    default:
      if (isPlainStage(name)) return (source) => plainStage(source, stage);
      return refuseStage(name, position);
  }
}

function matchStage(operand: unknown, context: PipelineContext): StreamStage {
  const spec: QuerySpec = { filter: matchOperand(operand), collation: context.collation, variables: context.variables };
  const matches = context.engine.matcher(spec);
  return (source) => flatMapStream(source, (document) => (matches(encodeTyped(document), 0) ? [document] : []));
}

function limitStage(limit: number): StreamStage {
  return (source) => {
    let left = limit;
    return {
      step: () => {
        if (left === 0) return undefined;
        const document = source.step();
        if (document) left--;
        return document;
      },
      pause: () => source.pause(),
    };
  };
}

function skipStage(skip: number): StreamStage {
  return (source) => {
    let left = skip;
    return flatMapStream(source, (document) => (left-- > 0 ? [] : [document]));
  };
}

/** Sorts in memory, within MongoDB's limit. */
function sortStage(operand: unknown, { collation }: PipelineContext): StreamStage {
  const fields = parseSort(sortOperand(operand))!;
  return (source) => {
    const rows: { key: Buffer | unknown[]; bytes: Buffer }[] = [];
    let size = 0;
    const take = (document: TypedDocument) => {
      const bytes = encodeTyped(document);
      size += bytes.length + 128;
      if (size > STAGE_LIMIT_BYTES)
        fail(
          ErrorCode.QueryExceededMemoryLimitNoDiskUseAllowed,
          `PlanExecutor error during aggregation :: caused by :: Sort exceeded memory limit of ${STAGE_LIMIT_BYTES} bytes, but did not opt in to external sorting.`,
        );
      rows.push({ key: collation ? sortValuesOf(bytes, fields, collation) : sortKeyOf(bytes, fields), bytes });
    };
    const finish = () => {
      rows.sort((a, b) =>
        collation
          ? compareSortValues(a.key as unknown[], b.key as unknown[], fields, collation)
          : Buffer.compare(a.key as Buffer, b.key as Buffer),
      );
      let next = 0;
      return { step: () => (next < rows.length ? decodeTyped(rows[next++]!.bytes) : undefined), pause: () => {} };
    };
    return blockingStream(source, take, finish);
  };
}

function countAll(operand: unknown): StreamStage {
  if (typeof operand !== 'string' || operand === '') return fail(40156, 'the count field must be a non-empty string');
  if (operand.startsWith('$')) fail(40158, 'the count field cannot be a $-prefixed path');
  if (operand.includes('.')) fail(40160, "the count field cannot contain '.'");
  return (source) => {
    let n = 0;
    const take = () => {
      n++;
    };
    return blockingStream(source, take, () => streamOf(n > 0 ? [{ [operand]: new Int32(n) }] : []));
  };
}

function facetStage(operand: unknown, context: PipelineContext): StreamStage {
  if (!isDocument(operand) || Object.keys(operand).length === 0) {
    return fail(40169, 'the $facet specification must be a non-empty object');
  }
  const facets = Object.entries(operand).map(([name, pipeline]) => {
    if (!Array.isArray(pipeline))
      return fail(40170, `arguments to $facet must be arrays, ${name} is type ${typeNameOf(pipeline)}`);
    for (const stage of pipeline) {
      const [inner] = checkStage(stage);
      if (inner === '$facet' || inner === '$out' || inner === '$merge')
        fail(40600, `${inner} is not allowed to be used within a $facet stage`);
    }
    return [name, stagesOf(pipeline, context)] as const;
  });
  return (source) => {
    const documents: TypedDocument[] = [];
    const finish = () =>
      streamOf([Object.fromEntries(facets.map(([name, run]) => [name, collect(run(streamOf(documents)))]))]);
    return blockingStream(source, (document) => documents.push(document), finish);
  };
}
