/** The `aggregate` command. */
import type { Document } from 'bson';
import { checkStage } from '../aggregate/document-stages.ts';
import { baseVariables } from '../aggregate/expression.ts';
import { type PipelineContext, runPipeline } from '../aggregate/pipeline.ts';
import { refuseStage } from '../aggregate/refused-stages.ts';
import { isDocument, isTruthy, numberOf, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import {
  type Command,
  checkFields,
  collationArgument,
  collectionName,
  countArgument,
  documentArgument,
} from './command.ts';
import { firstBatchReply } from './cursor-reply.ts';
import { explainPipeline } from './explain.ts';
import { hintArgument, paceOf } from './read-commands.ts';

const FIELDS = [
  'pipeline',
  'cursor',
  'explain',
  'allowDiskUse',
  'bypassDocumentValidation',
  'collation',
  'hint',
  'let',
  'fromRouter',
  'needsMerge',
];

/** The stages of a command. */
export function pipelineArgument(command: Command): Document[] {
  const { pipeline } = command.body;
  if (pipeline === undefined) fail(40414, `BSON field 'aggregate.pipeline' is missing but a required field`);
  if (!Array.isArray(pipeline)) return fail(ErrorCode.TypeMismatch, `'pipeline' option must be specified as an array`);
  return pipeline as Document[];
}

/** Where the pipeline of a command runs. */
export function pipelineContext(command: Command): PipelineContext {
  const now = command.engine.now();
  const given = documentArgument(command, 'let');
  const { NOW: _now, ...variables } = baseVariables(now, given);
  return {
    engine: command.engine,
    database: command.database,
    collation: collationArgument(command.body),
    now,
    variables: given && variables,
    hint: hintArgument(command.body),
  };
}

/** Runs a pipeline. */
export async function aggregate(command: Command): Promise<Document | Buffer> {
  checkFields(command, FIELDS);
  const { body, engine } = command;
  const pipeline = pipelineArgument(command);
  if (numberOf(body.aggregate) === 1) return refuseDatabasePipeline(pipeline);
  const name = collectionName(command);
  const cursor = body.cursor;
  if (isTruthy(body.explain)) return explainPipeline(command, name, pipeline);
  if (!isDocument(cursor)) {
    if (cursor !== undefined)
      fail(
        ErrorCode.TypeMismatch,
        `BSON field 'aggregate.cursor' is the wrong type '${typeNameOf(cursor)}', expected type 'object'`,
      );
    fail(ErrorCode.FailedToParse, "The 'cursor' option is required, except for aggregate with the explain argument");
  }
  const batchSize = countArgument(command, 'batchSize', cursor as Document);
  const stream = runPipeline(name, pipeline, pipelineContext(command));
  return firstBatchReply(engine, `${command.database}.${name}`, stream, batchSize, false, paceOf(command));
}

/** `aggregate: 1` serves stages that need no collection; none of them is here. */
function refuseDatabasePipeline(pipeline: Document[]): never {
  const [name] = pipeline.length > 0 ? checkStage(pipeline[0]) : [''];
  if (name === '$changeStream' || name === '$currentOp' || name === '$documents' || name === '$listLocalSessions') {
    return refuseStage(name, 0);
  }
  return fail(ErrorCode.InvalidNamespace, `{aggregate: 1} is not valid for '${name}'; a collection is required.`);
}
