/** An update given as a pipeline: $set, $unset, $replaceWith and their other names. */
import type { Document } from 'bson';
import { isDocument, type TypedDocument } from '../bson/typed-values.ts';
import { ErrorCode, fail } from '../errors.ts';
import { documentStage } from './document-stages.ts';
import { baseVariables } from './expression.ts';
import { literals } from './expression-test.ts';

const ALLOWED = new Set(['$set', '$addFields', '$unset', '$project', '$replaceRoot', '$replaceWith']);

/** Compiles the stages to one function on typed documents. */
export function compilePipelineUpdate(
  stages: Document[],
  options: { now: Date; variables: Document | undefined },
): (document: TypedDocument) => TypedDocument {
  const variables = baseVariables(options.now, options.variables && literals(options.variables));
  const steps = stages.map((stage) => {
    if (!isDocument(stage)) return fail(ErrorCode.TypeMismatch, 'Each element of the pipeline array must be an object');
    const [[name, spec] = ['', undefined], ...rest] = Object.entries(stage);
    if (rest.length > 0) fail(40323, 'A pipeline stage specification object must contain exactly one field.');
    if (!ALLOWED.has(name)) fail(ErrorCode.InvalidOptions, `${name} is not allowed to be used within an update`);
    return documentStage(name, spec, variables)!;
  });
  return (document) => steps.reduce((current, step) => step(current), document);
}
