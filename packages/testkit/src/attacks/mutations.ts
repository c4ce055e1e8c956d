import fc from 'fast-check';
import Type, { type TSchema } from 'typebox';

/*
 * Values for fuzzing, made from the contracts' own schemas: legal ones, and legal ones with something wrong in them.
 */

/** Ids and texts that exist, so that legal values reach the depths of the system and not only its checks. */
export interface Known {
  /** 24 hexadecimal digits: conversations and messages, own and foreign. */
  ids: readonly string[];
  userIds: readonly string[];
}

const NASTY_TEXTS = [
  ...[
    '',
    ' ',
    '\0',
    '\ud800',
    '\udfff',
    '\u202e',
    '\u200b',
    '\r\n',
    '\u2028',
    '\ufeff',
    '💥'.repeat(50),
    'x'.repeat(300),
    'é'.repeat(10_001),
  ],
  ...[
    '$ne',
    '$where',
    '$',
    '.',
    'a.b',
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'null',
    'undefined',
    'NaN',
  ],
  ...[
    'javascript:alert(1)',
    'https://127.0.0.1/',
    'https://[::1]/',
    'https://u:p@example.com/',
    'http://',
    'https://%00/',
    'https://example.com/\u202e',
  ],
  ...[
    '0',
    '-1',
    '1e999',
    '000000000000000000000000',
    'ffffffffffffffffffffffff',
    'FFFFFFFFFFFFFFFFFFFFFFFF',
    '9'.repeat(24),
  ],
];
const nastyText = fc.oneof(
  fc.constantFrom(...NASTY_TEXTS),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ maxLength: 50 }),
);
const nastyNumber = fc.oneof(
  fc.constantFrom(-1, 0, 1, 0.5, 1e15, -1e15, 2 ** 53, 1e21, 5e-324, -0),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const nastyKey = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'prototype', '$where', '$ne', 'a.b', '', 'length', 'toString'),
  fc.string({ maxLength: 20 }),
);

const deep = fc.integer({ min: 1, max: 60 }).map((depth) => {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return value;
});

/** Anything that JSON can say. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  nastyText,
  nastyNumber,
  fc.constantFrom<unknown>(null, true, false, [], {}, { $ne: null }, { $gt: '' }, { $where: '1' }),
  deep,
  fc.array(nastyText, { maxLength: 20 }),
  fc.dictionary(nastyKey, nastyText, { maxKeys: 5, noNullPrototype: true }),
  fc.integer({ min: 500, max: 3_000 }).map((length) => Array<string>(length).fill('a')),
);

/** Values that the schema allows, for the shapes that the contracts use. */
export function legal(schema: TSchema, known: Known): fc.Arbitrary<unknown> {
  if (Type.IsUnion(schema)) return fc.oneof(...schema.anyOf.map((each) => legal(each as TSchema, known)));
  if (Type.IsLiteral(schema)) return fc.constant(schema.const);
  if (Type.IsNull(schema)) return fc.constant(null);
  if (Type.IsBoolean(schema)) return fc.boolean();
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) return legalInteger(schema);
  if (Type.IsString(schema)) return legalText(schema, known);
  if (Type.IsArray(schema)) {
    const { minItems = 0, maxItems = 3 } = schema as { minItems?: number; maxItems?: number };
    return fc.array(legal(schema.items as TSchema, known), {
      minLength: minItems,
      maxLength: Math.min(maxItems, minItems + 3),
    });
  }
  if (Type.IsRecord(schema)) return legalRecord(schema, known);
  if (Type.IsObject(schema)) return legalObject(schema, known);
  return anything;
}

function legalInteger(schema: TSchema): fc.Arbitrary<number> {
  const { minimum = 0, maximum = 1_000 } = schema as { minimum?: number; maximum?: number };
  return fc.oneof(
    fc.integer({ min: minimum, max: Math.min(maximum, minimum + 100) }),
    fc.constantFrom(minimum, Math.min(maximum, 2 ** 31)),
  );
}

const ID = '^[0-9a-f]{24}$';

function legalText(schema: TSchema, { ids, userIds }: Known): fc.Arbitrary<string> {
  const {
    pattern,
    maxLength = 100,
    minLength = 0,
  } = schema as { pattern?: string; maxLength?: number; minLength?: number };
  if (pattern === ID)
    return fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom(...ids) },
      { weight: 1, arbitrary: fc.stringMatching(/^[0-9a-f]{24}$/) },
    );
  if (pattern?.includes('[Hh]')) return fc.webUrl({ validSchemes: ['https'] });
  if (pattern?.startsWith('^[0-9]{1,15}'))
    return fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map((parts) => parts.join('.'));
  if (pattern?.includes('/[A-Za-z0-9]')) return fc.constantFrom('image/png', 'text/plain', 'video/mp4');
  if (pattern !== undefined && maxLength === 128)
    return fc.oneof(fc.constantFrom(...userIds), fc.stringMatching(/^[a-z]{1,12}$/));
  const length = Math.min(maxLength, 80);
  const text = fc
    .string({ unit: 'grapheme', maxLength: length, minLength })
    .map((value) => [...value.replaceAll('\0', '')].slice(0, length).join(''));
  return text.filter((value) => value.length >= minLength);
}

function legalRecord(schema: TSchema, known: Known): fc.Arbitrary<unknown> {
  const [values] = Object.values((schema as { patternProperties?: Record<string, TSchema> }).patternProperties ?? {});
  return fc.dictionary(fc.constantFrom(...known.ids), values ? legal(values, known) : anything, {
    maxKeys: 4,
    noNullPrototype: true,
  });
}

function legalObject(schema: TSchema, known: Known): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, TSchema>; required?: string[] };
  const arbitraries = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, legal(each, known)]));
  return fc.record(arbitraries, { requiredKeys: required, noNullPrototype: true } as never);
}

/** A legal value with up to three things wrong in it: fields replaced, removed, added or renamed, at any depth. */
export function mutated(schema: TSchema, known: Known): fc.Arbitrary<unknown> {
  const change = fc.record({
    at: fc.nat(1_000),
    what: fc.constantFrom('replace', 'remove', 'add', 'grow'),
    value: anything,
    key: nastyKey,
  });
  return fc
    .tuple(legal(schema, known), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([value, changes]) =>
      changes.reduce<unknown>((changed, each) => applyChange(changed, each), structuredClone(value)),
    );
}

interface Change {
  at: number;
  what: string;
  value: unknown;
  key: string;
}

function applyChange(root: unknown, { at, what, value: given, key }: Change): unknown {
  // A copy: the same value may be put into itself else, and into later samples.
  const value = structuredClone(given);
  const places = containersIn(root);
  const place = places[at % Math.max(1, places.length)];
  if (!place) return value;
  const keys = Object.keys(place);
  const chosen = keys[at % Math.max(1, keys.length)];
  if (what === 'add' || chosen === undefined) define(place, key, value);
  else if (what === 'remove') Reflect.deleteProperty(place, chosen);
  else if (what === 'grow' && Array.isArray(place)) place.push(...Array<unknown>(at).fill(place[0]));
  else define(place, chosen, value);
  return root;
}

/** As a field of its own, `__proto__` too: that is what JSON.parse makes of it. */
function define(place: object, key: string, value: unknown): void {
  if (Array.isArray(place) && key === 'length') return;
  Object.defineProperty(place, key, { value, enumerable: true, configurable: true, writable: true });
}

function containersIn(value: unknown, depth = 0): object[] {
  if (typeof value !== 'object' || value === null || depth > 10) return [];
  return [value, ...Object.values(value).flatMap((inner) => containersIn(inner, depth + 1))];
}

/** Mostly wrong in one to three places, sometimes legal, sometimes nothing of the kind. */
export const hostile = (schema: TSchema, known: Known): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 6, arbitrary: mutated(schema, known) },
    { weight: 3, arbitrary: legal(schema, known) },
    { weight: 1, arbitrary: anything },
  );

/** A part of a path or query: a legal value mostly, else any text. */
export const hostileText = (schema: TSchema, known: Known): fc.Arbitrary<string> =>
  fc.oneof({ weight: 4, arbitrary: legal(schema, known).map(String) }, { weight: 1, arbitrary: nastyText });

/** `count` values; the same seed gives the same ones. */
export const samplesOf = <T>(arbitrary: fc.Arbitrary<T>, count: number, seed: number): T[] =>
  fc.sample(arbitrary, { numRuns: count, seed });
