import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { ChatError } from './errors.ts';
import { isLargerThan } from './json-depth.ts';

const compiled = new WeakMap<TSchema, Validator>();

/** The compiled validator of a schema; compiled once per process. */
export function validatorOf(schema: TSchema): Validator {
  let validator = compiled.get(schema);
  if (!validator) {
    validator = Compile(schema);
    compiled.set(schema, validator);
  }
  return validator;
}

/**
 * Checks a value that came from outside.
 * @returns the same value, typed
 * @throws ChatError VALIDATION_FAILED that names the field and the reason
 */
export function validate<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const validator = validatorOf(schema);
  if (validator.Check(value)) return value as Static<T>;
  throw new ChatError('VALIDATION_FAILED', describeFailure(validator, value));
}

/**
 * Parts of a value up to which its failure is looked for. Source: 500 profiles of 5 fields are the largest value that a schema allows; the search walks all of a
 * value, and 120,000 parts of one event (240 KB) kept a gateway busy for more than 100 ms.
 */
const EXPLAINED = 5_000;

/** The first failure in words: which field, and why. User content is not repeated. */
export function describeFailure(validator: Validator, value: unknown): { field?: string; reason: string } {
  if (isLargerThan(value, EXPLAINED)) return { reason: `is not valid, and has more than ${EXPLAINED} parts` };
  const errors = validator.Errors(value);
  const extra = errors.find((e) => e.keyword === 'additionalProperties');
  if (extra) {
    const names = (extra.params as { additionalProperties?: string[] }).additionalProperties ?? [];
    const at = extra.instancePath.slice(1);
    return { field: [at, names[0]?.slice(0, 64)].filter(Boolean).join('/'), reason: 'is not a known field' };
  }
  const first = errors.find((e) => e.keyword !== 'anyOf') ?? errors[0];
  const missing = (first?.params as { requiredProperties?: string[] } | undefined)?.requiredProperties?.[0];
  const field = [first?.instancePath.slice(1), missing].filter(Boolean).join('/');
  return { ...(field && { field }), reason: missing ? 'is required' : (first?.message ?? 'is not valid') };
}
