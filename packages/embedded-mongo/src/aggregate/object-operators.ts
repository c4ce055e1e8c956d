/** Expressions on documents, variables and text that need exact types. */
import { Int32 } from 'bson';
import { fieldOf, isDocument, numberOf, setField, type TypedDocument, typeNameOf } from '../bson/typed-values.ts';
import { fail } from '../errors.ts';
import { fixed, isNullish, namedOperands, variadic } from './operands.ts';
import { type OperatorCompiler, type OperatorTable, withVariables } from './scope.ts';

/** Later documents win; null is ignored. */
export function mergeObjects(values: readonly unknown[]): TypedDocument {
  const result: TypedDocument = {};
  for (const value of values) {
    if (isNullish(value)) continue;
    if (!isDocument(value))
      fail(40400, `$mergeObjects requires object inputs, but input is of type ${typeNameOf(value)}`);
    for (const [name, inner] of Object.entries(value as TypedDocument)) setField(result, name, inner);
  }
  return result;
}

const letOperator: OperatorCompiler = (operand, compile) => {
  if (!isDocument(operand) || !isDocument(operand.vars) || !('in' in operand)) {
    return fail(16876, "Missing 'vars' or 'in' parameter to $let");
  }
  const variables = Object.entries(operand.vars).map(([name, value]) => [name, compile(value)] as const);
  const body = compile(operand.in);
  return (scope) =>
    body(withVariables(scope, Object.fromEntries(variables.map(([name, value]) => [name, value(scope)]))));
};

const getField: OperatorCompiler = (operand, compile) => {
  const named = isDocument(operand) && 'field' in operand;
  const field = compile(named ? operand.field : operand);
  const input = named && 'input' in operand ? compile(operand.input) : undefined;
  return (scope) => {
    const document = input ? input(scope) : (scope.variables.CURRENT ?? scope.root);
    if (isNullish(document)) return document;
    return isDocument(document) ? fieldOf(document, String(field(scope))) : undefined;
  };
};

const setFieldOperator: OperatorCompiler = (operand, compile) => {
  const named = namedOperands('$setField', operand, compile, ['field', 'input', 'value']);
  return (scope) => {
    const input = named.input!(scope);
    if (isNullish(input)) return null;
    if (!isDocument(input)) return fail(4161105, `$setField requires 'input' to evaluate to type Object`);
    const result = { ...input };
    const value = named.value!(scope);
    const name = String(named.field!(scope));
    if (value === undefined) delete result[name];
    else setField(result, name, value);
    return result;
  };
};

function concat(values: unknown[]): unknown {
  let text = '';
  for (const value of values) {
    if (isNullish(value)) return null;
    if (typeof value !== 'string') fail(16702, `$concat only supports strings, not ${typeNameOf(value)}`);
    text += value;
  }
  return text;
}

function objectToArray(value: unknown): unknown {
  if (isNullish(value)) return null;
  if (!isDocument(value)) return fail(40390, `$objectToArray requires a document input, found: ${typeNameOf(value)}`);
  return Object.entries(value).map(([k, v]) => ({ k, v }));
}

function textLength(name: string, measure: (text: string) => number): OperatorCompiler {
  return fixed(name, 1, 1, (value) =>
    typeof value === 'string'
      ? new Int32(measure(value))
      : fail(34471, `${name} requires a string argument, found: ${typeNameOf(value)}`),
  );
}

/** Position by code points, as MongoDB counts. */
function indexOfText(text: unknown, part: unknown, start: unknown, end: unknown): unknown {
  if (isNullish(text)) return null;
  if (typeof text !== 'string' || typeof part !== 'string') {
    return fail(40093, `$indexOfCP requires a string as the first argument, found: ${typeNameOf(text)}`);
  }
  const letters = [...text];
  const wanted = [...part];
  const last = Math.min(numberOf(end) ?? letters.length, letters.length) - wanted.length;
  for (let i = numberOf(start) ?? 0; i <= last; i++) {
    if (wanted.every((letter, n) => letters[i + n] === letter)) return new Int32(i);
  }
  return new Int32(-1);
}

export const objectOperators: OperatorTable = {
  $mergeObjects: variadic((values) =>
    mergeObjects(values.length === 1 && Array.isArray(values[0]) ? values[0] : values),
  ),
  $let: letOperator,
  $getField: getField,
  $setField: setFieldOperator,
  $concat: variadic(concat),
  $objectToArray: fixed('$objectToArray', 1, 1, objectToArray),
  $indexOfCP: fixed('$indexOfCP', 2, 4, indexOfText),
  $strLenBytes: textLength('$strLenBytes', Buffer.byteLength),
  $strLenCP: textLength('$strLenCP', (text) => [...text].length),
};
