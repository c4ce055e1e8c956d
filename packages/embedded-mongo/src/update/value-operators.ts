/** Operators that compute one value from another: $inc, $mul, $min, $max, $bit, $currentDate. */
import { Int32, Long, Timestamp } from 'bson';
import { type Collation, compareCollated } from '../bson/collation.ts';
import { addNumbers, IntegerOverflow, isNumber, multiplyNumbers } from '../bson/number-arithmetic.ts';
import { BsonType } from '../bson/raw-document.ts';
import { bsonTypeOf, isDocument, typeNameOf } from '../bson/typed-values.ts';
import { ErrorCode, fail, showValue } from '../errors.ts';

/** $inc and $mul. */
export function arithmetic(
  operator: '$inc' | '$mul',
  current: unknown,
  operand: unknown,
  field: string,
  id: unknown,
): unknown {
  // $mul makes an absent field the zero of the operand's type: positive, which a product with a negative operand would not be
  if (current === undefined)
    return operator === '$inc' ? operand : addNumbers(multiplyNumbers(operand, new Int32(0)), new Int32(0));
  if (!isNumber(current)) {
    return fail(
      ErrorCode.TypeMismatch,
      `Cannot apply ${operator} to a value of non-numeric type. {_id: ${showValue(id)}} has the field '${field}' of non-numeric type ${typeNameOf(current)}`,
    );
  }
  try {
    return operator === '$inc' ? addNumbers(current, operand) : multiplyNumbers(current, operand);
  } catch (error) {
    if (!(error instanceof IntegerOverflow)) throw error;
    return fail(
      ErrorCode.BadValue,
      `Failed to apply ${operator} operations to current value (${showValue(current)}) for document {_id: ${showValue(id)}}`,
    );
  }
}

/** Refuses an operand of $inc or $mul that is no number. */
export function checkArithmeticOperand(operator: string, path: string, operand: unknown): void {
  if (isNumber(operand)) return;
  const verb = operator === '$inc' ? 'increment' : 'multiply';
  fail(ErrorCode.TypeMismatch, `Cannot ${verb} with non-numeric argument: {${path}: ${showValue(operand)}}`);
}

/** $min and $max: the operand when it comes before (after) the current value. */
export function extreme(
  operator: '$min' | '$max',
  current: unknown,
  operand: unknown,
  collation: Collation | undefined,
): unknown {
  if (current === undefined) return operand;
  const order = compareCollated(operand, current, collation);
  return (operator === '$min' ? order < 0 : order > 0) ? operand : current;
}

/** `$currentDate: { a: true | { $type: 'date' | 'timestamp' } }`. */
export function currentDate(operand: unknown, now: Date): unknown {
  if (typeof operand === 'boolean') return now;
  const type = isDocument(operand) ? operand.$type : undefined;
  if (type === 'date') return now;
  if (type === 'timestamp') return Timestamp.fromBits(1, Math.floor(now.getTime() / 1000));
  return fail(
    ErrorCode.BadValue,
    `${typeNameOf(operand)} is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).`,
  );
}

const BIT: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
};

/** `$bit: { a: { and: 5 } }`. */
export function bitwise(current: unknown, operand: unknown): unknown {
  if (!isDocument(operand) || Object.keys(operand).length === 0) {
    return fail(ErrorCode.BadValue, 'The $bit modifier is not compatible with a non-document operand');
  }
  let value = current === undefined ? new Int32(0) : current;
  for (const [name, mask] of Object.entries(operand)) {
    const apply = BIT[name];
    if (!apply) fail(ErrorCode.BadValue, `The $bit modifier only supports 'and', 'or', and 'xor', not '${name}'`);
    if (!isInteger(value))
      fail(ErrorCode.BadValue, `Cannot apply $bit to a value of non-integral type: ${typeNameOf(value)}`);
    if (!isInteger(mask)) fail(ErrorCode.BadValue, 'The $bit modifier field must be an Integer(32/64 bit)');
    const long = value instanceof Long || mask instanceof Long;
    const result = apply!(toBigInt(value), toBigInt(mask));
    value = (long ? Long.fromBigInt(result) : new Int32(Number(result))) as Int32;
  }
  return value;
}

function isInteger(value: unknown): boolean {
  const type = bsonTypeOf(value);
  return type === BsonType.int || type === BsonType.long;
}

function toBigInt(value: unknown): bigint {
  return value instanceof Long ? value.toBigInt() : BigInt(Number(value));
}
