/** Exact arithmetic on Decimal128: comparison with the other number types, and the sums and products of updates. */
import { Decimal128 } from 'bson';

interface Decimal {
  coefficient: bigint;
  exponent: number;
}

const MAX_DIGITS = 34;

/** Parses a Decimal128; undefined for NaN and the infinities. */
function parseDecimal(text: string): Decimal | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:E([+-]?\d+))?$/i.exec(text);
  if (!match) return undefined;
  const [, sign, whole = '0', fraction = '', exponent = '0'] = match;
  const coefficient = BigInt(whole + fraction);
  return { coefficient: sign ? -coefficient : coefficient, exponent: Number(exponent) - fraction.length };
}

/** The decimal as a double and the exact rest as further doubles (at most two: 34 digits need 113 bits). */
export function decimalResidual(source: Buffer, at: number): { nearest: number; residuals: number[] } {
  const text = new Decimal128(Buffer.from(source.subarray(at, at + 16))).toString();
  const nearest = Number(text);
  const decimal = parseDecimal(text);
  if (!decimal || !Number.isFinite(nearest)) return { nearest, residuals: [] };
  const residuals: number[] = [];
  let rest = subtract(ratioOfDecimal(decimal), ratioOfDouble(nearest));
  for (let i = 0; i < 2 && rest.numerator !== 0n; i++) {
    const part = ratioToNumber(rest);
    if (part === 0) break;
    residuals.push(part);
    rest = subtract(rest, ratioOfDouble(part));
  }
  return { nearest, residuals };
}

interface Ratio {
  numerator: bigint;
  denominator: bigint;
}

function ratioOfDecimal({ coefficient, exponent }: Decimal): Ratio {
  return exponent >= 0
    ? { numerator: coefficient * 10n ** BigInt(exponent), denominator: 1n }
    : { numerator: coefficient, denominator: 10n ** BigInt(-exponent) };
}

function ratioOfDouble(value: number): Ratio {
  let numerator = value;
  let shift = 0;
  while (!Number.isInteger(numerator)) {
    numerator *= 2;
    shift++;
  }
  return { numerator: BigInt(numerator), denominator: 1n << BigInt(shift) };
}

function subtract(a: Ratio, b: Ratio): Ratio {
  return {
    numerator: a.numerator * b.denominator - b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function ratioToNumber({ numerator, denominator }: Ratio): number {
  const negative = numerator < 0n;
  const magnitude = negative ? -numerator : numerator;
  const shift = BigInt(Math.max(0, denominator.toString(2).length - magnitude.toString(2).length + 64));
  const scaled = Number((magnitude << shift) / denominator);
  const value = scaled * 2 ** -Number(shift);
  return negative ? -value : value;
}

function format({ coefficient, exponent }: Decimal): Decimal128 {
  let digits = coefficient < 0n ? -coefficient : coefficient;
  let power = exponent;
  while (digits.toString().length > MAX_DIGITS) {
    const last = digits % 10n;
    digits = digits / 10n + (last > 5n || (last === 5n && (digits / 10n) % 2n === 1n) ? 1n : 0n);
    power++;
  }
  return Decimal128.fromString(`${coefficient < 0n ? '-' : ''}${digits}E${power}`);
}

/** a + b as decimals; `a` and `b` are decimal texts. */
export function addDecimals(a: string, b: string): Decimal128 {
  const left = parseDecimal(a);
  const right = parseDecimal(b);
  if (!left || !right) return Decimal128.fromString(String(Number(a) + Number(b)));
  const exponent = Math.min(left.exponent, right.exponent);
  const scaled = (d: Decimal) => d.coefficient * 10n ** BigInt(d.exponent - exponent);
  return format({ coefficient: scaled(left) + scaled(right), exponent });
}

/** a * b as decimals. */
export function multiplyDecimals(a: string, b: string): Decimal128 {
  const left = parseDecimal(a);
  const right = parseDecimal(b);
  if (!left || !right) return Decimal128.fromString(String(Number(a) * Number(b)));
  return format({
    coefficient: left.coefficient * right.coefficient,
    exponent: left.exponent + right.exponent,
  });
}
