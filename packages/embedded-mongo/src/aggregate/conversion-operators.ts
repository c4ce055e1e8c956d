/** $type, $convert and its short forms. */
import { Decimal128, Double, Int32, Long, ObjectId } from 'bson';
import { isNumber } from '../bson/number-arithmetic.ts';
import { isDocument, isTruthy, numberOf, TYPE_NAMES, typeNameOf } from '../bson/typed-values.ts';
import { fail, MongoError } from '../errors.ts';
import { fixed, isNullish } from './operands.ts';
import type { OperatorCompiler, OperatorTable } from './scope.ts';

const CONVERSION_FAILURE = 241;

function unsupported(value: unknown, to: string): never {
  return fail(
    CONVERSION_FAILURE,
    `Unsupported conversion from ${typeNameOf(value)} to ${to} in $convert with no onError value`,
  );
}

function unparsable(value: unknown, to: string): never {
  return fail(
    CONVERSION_FAILURE,
    `Failed to parse ${to === 'objectId' ? 'objectId' : 'number'} '${String(value)}' in $convert with no onError value`,
  );
}

function toNumber(value: unknown, to: string): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value instanceof Date) return to === 'int' ? unsupported(value, to) : value.getTime();
  if (isNumber(value)) return numberOf(value)!;
  if (typeof value !== 'string') return unsupported(value, to);
  const pattern = to === 'double' || to === 'decimal' ? /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i : /^[+-]?\d+$/;
  return pattern.test(value) ? Number(value) : unparsable(value, to);
}

function toInteger(value: unknown, to: 'int' | 'long'): unknown {
  if (to === 'long' && value instanceof Long) return value;
  if (to === 'long' && typeof value === 'string' && /^[+-]?\d+$/.test(value)) return Long.fromString(value);
  const number = Math.trunc(toNumber(value, to));
  const limit = to === 'int' ? 2 ** 31 : 2 ** 63;
  if (!(number >= -limit && number < limit)) {
    fail(
      CONVERSION_FAILURE,
      `Conversion would overflow target type in $convert with no onError value: ${String(value)}`,
    );
  }
  return to === 'int' ? new Int32(number) : Long.fromNumber(number);
}

function toText(value: unknown): unknown {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof ObjectId) return value.toHexString();
  if (isNumber(value)) return value instanceof Double || value instanceof Int32 ? String(value.value) : String(value);
  return unsupported(value, 'string');
}

function toDate(value: unknown): unknown {
  if (value instanceof Date) return value;
  if (value instanceof ObjectId) return value.getTimestamp();
  if (typeof value === 'string') {
    const date = new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(value) || !value.includes('T') ? value : `${value}Z`);
    if (Number.isNaN(date.getTime()))
      fail(CONVERSION_FAILURE, `Error parsing date string '${value}' in $convert with no onError value`);
    return date;
  }
  if (isNumber(value) && !(value instanceof Int32)) return new Date(numberOf(value)!);
  return unsupported(value, 'date');
}

function toObjectId(value: unknown): unknown {
  if (value instanceof ObjectId) return value;
  if (typeof value !== 'string') return unsupported(value, 'objectId');
  return /^[0-9a-f]{24}$/i.test(value) ? new ObjectId(value) : unparsable(value, 'objectId');
}

function toDecimal(value: unknown): unknown {
  if (value instanceof Decimal128) return value;
  if (typeof value === 'string') toNumber(value, 'decimal');
  return Decimal128.fromString(
    typeof value === 'string' || value instanceof Long ? String(value) : String(toNumber(value, 'decimal')),
  );
}

const CONVERSIONS: Readonly<Record<string, (value: unknown) => unknown>> = {
  int: (value) => toInteger(value, 'int'),
  long: (value) => toInteger(value, 'long'),
  double: (value) => new Double(toNumber(value, 'double')),
  decimal: toDecimal,
  string: toText,
  bool: (value) => isTruthy(value),
  date: toDate,
  objectId: toObjectId,
};

function convert(value: unknown, to: string): unknown {
  if (isNullish(value)) return null;
  const apply = CONVERSIONS[to];
  return apply ? apply(value) : fail(2, `Unknown type name: ${to}`);
}

const convertOperator: OperatorCompiler = (operand, compile) => {
  if (!isDocument(operand))
    return fail(9, `$convert expects an object of named arguments but found: ${typeNameOf(operand)}`);
  const input = compile(operand.input);
  const to = compile(isDocument(operand.to) ? operand.to.type : operand.to);
  const onError = 'onError' in operand ? compile(operand.onError) : undefined;
  const onNull = 'onNull' in operand ? compile(operand.onNull) : undefined;
  return (scope) => {
    const value = input(scope);
    if (isNullish(value)) return onNull ? onNull(scope) : null;
    const target = to(scope);
    const name = typeof target === 'string' ? target : (TYPE_NAMES[numberOf(target) ?? -1] ?? '');
    try {
      return convert(value, name);
    } catch (error) {
      if (onError && error instanceof MongoError && error.code === CONVERSION_FAILURE) return onError(scope);
      throw error;
    }
  };
};

function shortForm(name: string, to: string): OperatorCompiler {
  return fixed(name, 1, 1, (value) => convert(value, to));
}

export const conversionOperators: OperatorTable = {
  $type: fixed('$type', 1, 1, typeNameOf),
  $isNumber: fixed('$isNumber', 1, 1, isNumber),
  $convert: convertOperator,
  $toInt: shortForm('$toInt', 'int'),
  $toLong: shortForm('$toLong', 'long'),
  $toDouble: shortForm('$toDouble', 'double'),
  $toDecimal: shortForm('$toDecimal', 'decimal'),
  $toString: shortForm('$toString', 'string'),
  $toBool: shortForm('$toBool', 'bool'),
  $toDate: shortForm('$toDate', 'date'),
  $toObjectId: shortForm('$toObjectId', 'objectId'),
};
