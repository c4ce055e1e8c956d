/** Sums and products that keep MongoDB's number types: int with int is int, past 32 bits long, with double double. */
import { Decimal128, Double, Int32, Long } from 'bson';
import { addDecimals, multiplyDecimals } from './decimal-arithmetic.ts';
import { BsonType } from './raw-document.ts';
import { bsonTypeOf, numberOf } from './typed-values.ts';

const MAX_LONG = 2n ** 63n - 1n;
const MIN_LONG = -(2n ** 63n);

/** Thrown when two integers overflow 64 bits. */
export class IntegerOverflow extends Error {}

/** True for int, long, double and decimal. */
export function isNumber(value: unknown): boolean {
  const type = bsonTypeOf(value);
  return type === BsonType.int || type === BsonType.long || type === BsonType.double || type === BsonType.decimal;
}

function bigintOf(value: unknown): bigint {
  if (value instanceof Long) return value.toBigInt();
  return BigInt(numberOf(value)!);
}

function decimalText(value: unknown): string {
  if (value instanceof Decimal128) return value.toString();
  if (value instanceof Long) return value.toString();
  const number = numberOf(value)!;
  return bsonTypeOf(value) === BsonType.double ? Number(number.toPrecision(15)).toString() : String(number);
}

/** An integer as the narrowest of int and long that both operands allow. */
function integer(result: bigint, long: boolean): unknown {
  if (!long && result >= -0x80000000n && result <= 0x7fffffffn) return new Int32(Number(result));
  if (result > MAX_LONG || result < MIN_LONG) throw new IntegerOverflow('integer overflow');
  return Long.fromBigInt(result);
}

function combine(
  a: unknown,
  b: unknown,
  exact: (a: bigint, b: bigint) => bigint,
  real: (a: number, b: number) => number,
  decimal: (a: string, b: string) => Decimal128,
): unknown {
  const typeA = bsonTypeOf(a);
  const typeB = bsonTypeOf(b);
  if (typeA === BsonType.decimal || typeB === BsonType.decimal) return decimal(decimalText(a), decimalText(b));
  if (typeA === BsonType.double || typeB === BsonType.double) return new Double(real(numberOf(a)!, numberOf(b)!));
  if (typeA === BsonType.int && typeB === BsonType.int) {
    const sum = real(numberOf(a)!, numberOf(b)!);
    if (sum >= -0x80000000 && sum <= 0x7fffffff) return new Int32(sum);
  }
  return integer(exact(bigintOf(a), bigintOf(b)), typeA === BsonType.long || typeB === BsonType.long);
}

/** a + b; throws IntegerOverflow past 64 bits. */
export function addNumbers(a: unknown, b: unknown): unknown {
  return combine(
    a,
    b,
    (x, y) => x + y,
    (x, y) => x + y,
    addDecimals,
  );
}

/** a * b; throws IntegerOverflow past 64 bits. */
export function multiplyNumbers(a: unknown, b: unknown): unknown {
  return combine(
    a,
    b,
    (x, y) => x * y,
    (x, y) => x * y,
    multiplyDecimals,
  );
}

/** Like addNumbers, but a sum past 64 bits becomes a double, as in aggregation. */
export function addWidening(a: unknown, b: unknown): unknown {
  try {
    return addNumbers(a, b);
  } catch (error) {
    if (!(error instanceof IntegerOverflow)) throw error;
    return new Double(numberOf(a)! + numberOf(b)!);
  }
}

/** Like multiplyNumbers, but a product past 64 bits becomes a double. */
export function multiplyWidening(a: unknown, b: unknown): unknown {
  try {
    return multiplyNumbers(a, b);
  } catch (error) {
    if (!(error instanceof IntegerOverflow)) throw error;
    return new Double(numberOf(a)! * numberOf(b)!);
  }
}

/** The negative of a number, in its type. */
export function negate(value: unknown): unknown {
  return multiplyWidening(value, new Int32(-1));
}
