/** Reads the operators of an update: their form, their paths, and the filters of array elements. */
import type { Document } from 'bson';
import { encodeTyped, isDocument, numberOf, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail, showValue } from '../errors.ts';
import { compileFilter } from '../query/filter.ts';
import { pullAllCondition, pullCondition } from './array-operators.ts';
import type { UpdateOptions } from './compile-update.ts';
import type { ElementFilters } from './update-paths.ts';
import { checkArithmeticOperand } from './value-operators.ts';

/** One operator on one path. */
export interface Modifier {
  readonly operator: string;
  readonly path: string;
  readonly parts: readonly string[];
  readonly operand: unknown;
  readonly takes?: (element: unknown) => boolean;
}

const OPERATORS = new Set([
  '$set',
  '$unset',
  '$inc',
  '$mul',
  '$min',
  '$max',
  '$rename',
  '$setOnInsert',
  '$currentDate',
  '$push',
  '$pull',
  '$pullAll',
  '$addToSet',
  '$pop',
  '$bit',
]);

/** The modifications of one operator; throws MongoDB's errors about their form. */
export function parseModifier(operator: string, fields: unknown, options: UpdateOptions): Modifier[] {
  if (!operator.startsWith('$')) {
    return fail(
      ErrorCode.FailedToParse,
      `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
    );
  }
  if (!OPERATORS.has(operator)) {
    return fail(
      ErrorCode.FailedToParse,
      `Unknown modifier: ${operator}. Expected a valid update modifier or pipeline-style update specified as an array`,
    );
  }
  if (!isDocument(fields)) {
    return fail(
      ErrorCode.FailedToParse,
      `Modifiers operate on fields but we found type ${typeNameOf(fields)} instead. For example: {$mod: {<field>: ...}} not {${operator}: ${showValue(fields)}}`,
    );
  }
  return Object.entries(fields).map(([path, operand]) => parseField(operator, path, operand, options));
}

function parseField(operator: string, path: string, operand: unknown, options: UpdateOptions): Modifier {
  const parts = path.split('.');
  if (path === '') fail(ErrorCode.EmptyFieldName, 'An empty update path is not valid.');
  if (parts.includes('')) {
    fail(ErrorCode.EmptyFieldName, `The update path '${path}' contains an empty field name, which is not allowed.`);
  }
  for (const part of parts) {
    if (part.startsWith('$') && part !== '$' && !/^\$\[\w*\]$/.test(part)) {
      fail(
        ErrorCode.DollarPrefixedFieldName,
        `The dollar ($) prefixed field '${part}' in '${path}' is not valid for storage.`,
      );
    }
  }
  if (operator === '$inc' || operator === '$mul') checkArithmeticOperand(operator, path, operand);
  if (operator === '$rename') checkRename(path, operand);
  if (operator === '$pull') return { operator, path, parts, operand, takes: pullCondition(operand, options.collation) };
  if (operator === '$pullAll')
    return { operator, path, parts, operand, takes: pullAllCondition(operand, options.collation) };
  if (operator === '$pop' && Math.abs(numberOf(operand) ?? 0) !== 1) {
    fail(ErrorCode.FailedToParse, `Expected 1 or -1 in $pop: ${path}: ${showValue(operand)}`);
  }
  return { operator, path, parts, operand };
}

function checkRename(path: string, operand: unknown): void {
  if (typeof operand !== 'string')
    fail(ErrorCode.BadValue, `The 'to' field for $rename must be a string: ${path}: ${showValue(operand)}`);
  if (operand === path)
    fail(ErrorCode.BadValue, `The source and target field for $rename must differ: ${path}: "${path}"`);
  if (/(^|\.)\$/.test(path)) fail(ErrorCode.BadValue, `The source field for $rename may not be dynamic: ${path}`);
  if (/(^|\.)\$/.test(operand as string))
    fail(ErrorCode.BadValue, `The destination field for $rename may not be dynamic: ${String(operand)}`);
}

/** Two operators may not touch the same path, nor one inside the other's. */
export function refuseConflicts(modifiers: readonly Modifier[]): void {
  const paths = modifiers.flatMap(({ operator, path, operand }) =>
    operator === '$rename' ? [path, String(operand)] : [path],
  );
  const seen: string[] = [];
  for (const path of paths) {
    const other = seen.find((known) => known === path || path.startsWith(`${known}.`) || known.startsWith(`${path}.`));
    if (other !== undefined) {
      const at = other.length < path.length ? other : path;
      fail(ErrorCode.ConflictingUpdateOperators, `Updating the path '${path}' would create a conflict at '${at}'`);
    }
    seen.push(path);
  }
}

/** Compiles `arrayFilters`; each must be used, and each identifier must have one. */
export function compileArrayFilters(options: UpdateOptions, modifiers: readonly Modifier[]): ElementFilters {
  const filters = new Map<string, (element: unknown) => boolean>();
  const { arrayFilters } = options;
  if (arrayFilters !== undefined && !Array.isArray(arrayFilters)) {
    fail(
      ErrorCode.TypeMismatch,
      `BSON field 'arrayFilters' is the wrong type '${typeNameOf(arrayFilters)}', expected type 'array'`,
    );
  }
  for (const filter of (arrayFilters as Document[] | undefined) ?? []) {
    const name = filterIdentifier(filter);
    if (filters.has(name))
      fail(ErrorCode.FailedToParse, `Found multiple array filters with the same top-level field name ${name}`);
    const matches = compileFilter(filter, { collation: options.collation });
    filters.set(name, (element) => matches(encodeTyped({ [name]: element }), 0));
  }
  const used = new Set(
    modifiers.flatMap(({ parts }) => parts.flatMap((part) => /^\$\[(\w+)\]$/.exec(part)?.[1] ?? [])),
  );
  for (const name of used) {
    if (!filters.has(name))
      fail(
        ErrorCode.BadValue,
        `No array filter found for identifier '${name}' in path '${modifiers.find((m) => m.path.includes(`$[${name}]`))!.path}'`,
      );
  }
  for (const name of filters.keys()) {
    if (!used.has(name))
      fail(
        ErrorCode.FailedToParse,
        `The array filter for identifier '${name}' was not used in the update ${showValue({})}`,
      );
  }
  return filters;
}

function filterIdentifier(filter: unknown): string {
  if (!isDocument(filter))
    return fail(ErrorCode.TypeMismatch, `BSON field 'arrayFilters' has an element of the wrong type`);
  for (const [name, value] of Object.entries(filter)) {
    if (name === '$and' || name === '$or' || name === '$nor') return filterIdentifier((value as unknown[])[0]);
    if (!name.startsWith('$')) return name.split('.')[0]!;
  }
  return fail(ErrorCode.FailedToParse, 'Cannot use an expression without a top-level field name in arrayFilters');
}
