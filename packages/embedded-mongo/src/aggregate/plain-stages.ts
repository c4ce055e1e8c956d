/** Stages that mingo evaluates, on plain JavaScript values: the ones that Confab itself does not use. */
import { Aggregator, Context } from 'mingo';
import * as accumulators from 'mingo/operators/accumulator';
import * as expressions from 'mingo/operators/expression';
import * as stages from 'mingo/operators/pipeline';
import * as windows from 'mingo/operators/window';
import type { TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail, MongoError } from '../errors.ts';
import { toPlain, toTyped } from './plain-operators.ts';
import { blockingStream, streamOf, type TypedStream } from './typed-stream.ts';

const NAMES = new Set(['$bucketAuto', '$sample', '$redact', '$setWindowFields', '$fill', '$densify']);

const context = Context.init({
  accumulator: accumulators,
  expression: expressions,
  pipeline: stages,
  window: windows,
} as never);

/** True for a stage that is mingo's. */
export function isPlainStage(name: string): boolean {
  return NAMES.has(name);
}

/** Runs a stage over the whole stream. */
export function plainStage(source: TypedStream, stage: TypedDocument): TypedStream {
  const documents: unknown[] = [];
  const finish = () => {
    try {
      const options = { idKey: '_id', context, scriptEnabled: false } as never;
      const result = new Aggregator([toPlain(stage) as never], options).run(documents as never);
      return streamOf(result.map((document) => toTyped(document) as TypedDocument));
    } catch (error) {
      if (error instanceof MongoError) throw error;
      return fail(ErrorCode.BadValue, (error as Error).message);
    }
  };
  return blockingStream(source, (document) => documents.push(toPlain(document)), finish);
}
