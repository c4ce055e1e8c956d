/** explain: which plan a query gets, and on request how much it had to look at. */
import { type Document, Int32 } from 'bson';
import { splitPipeline } from '../aggregate/pipeline.ts';
import { isDocument } from '../bson/typed-values.ts';
import type { QuerySpec } from '../engine.ts';
import { ErrorCode, fail } from '../errors.ts';
import type { Plan } from '../query/planner.ts';
import type { Collection } from '../store/collection.ts';
import { pipelineArgument, pipelineContext } from './aggregate-command.ts';
import { type Command, collectionName, countArgument } from './command.ts';
import { querySpec } from './read-commands.ts';
import { drain, Pace } from './result-stream.ts';

/** The `explain` command around find, count, distinct, aggregate, update, delete and findAndModify. */
export async function explain(command: Command): Promise<Document> {
  const inner = command.body.explain;
  if (!isDocument(inner))
    return fail(ErrorCode.TypeMismatch, "BSON field 'explain.explain' is the wrong type, expected type 'object'");
  const name = Object.keys(inner)[0] ?? '';
  const explained: Command = { ...command, name, body: inner };
  const verbosity = command.body.verbosity;
  const execute = verbosity !== 'queryPlanner';
  if (name === 'aggregate')
    return explainPipeline(explained, collectionName(explained), pipelineArgument(explained), execute);
  return explainQuery(explained, collectionName(explained), specOf(explained), execute);
}

function specOf(command: Command): QuerySpec {
  const first = (field: string) => (command.body[field] as Document[] | undefined)?.[0] ?? {};
  switch (command.name) {
    case 'find':
      return { ...querySpec(command, 'filter'), limit: countArgument(command, 'limit') ?? 0 };
    case 'count':
    case 'distinct':
    case 'findAndModify':
    case 'findandmodify':
      return querySpec(command, 'query');
    case 'update':
      return { filter: first('updates').q as Document };
    case 'delete':
      return { filter: first('deletes').q as Document };
    default:
      return fail(ErrorCode.CommandNotFound, `Explain failed due to unknown command: ${command.name}`);
  }
}

/** Explains the part of a pipeline that is planned. */
export function explainPipeline(
  command: Command,
  collection: string,
  pipeline: readonly Document[],
  execute = false,
): Promise<Document> {
  return explainQuery(command, collection, splitPipeline(pipeline, pipelineContext(command)).spec, execute);
}

async function explainQuery(command: Command, name: string, spec: QuerySpec, execute: boolean): Promise<Document> {
  const { engine, database } = command;
  const collection = engine.catalog.find(database, name);
  const plan = collection && engine.plan(collection, spec);
  const reply: Document = {
    explainVersion: '1',
    queryPlanner: {
      namespace: `${database}.${name}`,
      parsedQuery: spec.filter,
      winningPlan: plan ? describePlan(plan, spec, collection) : { stage: 'EOF' },
      rejectedPlans: [],
    },
    command: command.body,
  };
  if (execute) reply.executionStats = await execution(command, collection, spec);
  return { ...reply, serverInfo: { host: 'embedded', version: '7.0.0' }, ok: 1 };
}

async function execution(command: Command, collection: Collection | undefined, spec: QuerySpec): Promise<Document> {
  const started = performance.now();
  const cursor = command.engine.open(collection, spec);
  let returned = 0;
  await drain(cursor, new Pace(0), () => {
    returned++;
  });
  return {
    executionSuccess: true,
    nReturned: new Int32(returned),
    executionTimeMillis: new Int32(Math.round(performance.now() - started)),
    totalKeysExamined: new Int32(cursor.stats.keysExamined),
    totalDocsExamined: new Int32(cursor.stats.docsExamined),
  };
}

function describePlan(plan: Plan, spec: QuerySpec, collection: Collection): Document {
  let stage = describeAccess(plan, collection);
  if (spec.sort && !plan.sorted) {
    const sortPattern = Object.fromEntries(
      spec.sort.map(({ path, descending }) => [path.text, new Int32(descending ? -1 : 1)]),
    );
    stage = { stage: 'SORT', sortPattern, memLimit: new Int32(104857600), inputStage: stage };
  }
  if (spec.skip) stage = { stage: 'SKIP', skipAmount: new Int32(spec.skip), inputStage: stage };
  if (spec.limit) stage = { stage: 'LIMIT', limitAmount: new Int32(spec.limit), inputStage: stage };
  return stage;
}

function describeAccess(plan: Plan, collection: Collection): Document {
  if (plan.kind === 'scan') return { stage: 'COLLSCAN', direction: plan.reverse ? 'backward' : 'forward' };
  if (plan.kind === 'union') {
    return {
      stage: 'FETCH',
      inputStage: { stage: 'OR', inputStages: plan.plans.map((branch) => describeAccess(branch, collection)) },
    };
  }
  const { index } = plan;
  const scan: Document = {
    stage: 'IXSCAN',
    keyPattern: index.keyPattern,
    indexName: index.name,
    isMultiKey: index.multikey.some(Boolean),
    isUnique: index.unique,
    isSparse: index.sparse,
    isPartial: index.partialFilter !== undefined,
    direction: plan.reverse ? 'backward' : 'forward',
    ranges: new Int32(plan.ranges.length),
  };
  const input = plan.merge ? { stage: 'SORT_MERGE', inputStage: scan } : scan;
  return { stage: 'FETCH', filtered: plan.residual !== undefined, inputStage: input };
}
