import Type, { type TSchema } from 'typebox';

/** Bytes of a character at most. Source: JSON that is ASCII alone, as Python's `json` writes it, has six (`\u00e9`); UTF-8 has four. */
const CHARACTER_BYTES = 6;

/**
 * The bytes of JSON, without white space, that a body of this schema has at most.
 * @throws Error for what has no bound, or is not of objects, lists and strings
 */
export function jsonBytes(schema: TSchema): number {
  const { maxLength, maxItems } = schema as Type.TStringOptions & Type.TArrayOptions;
  if (Type.IsString(schema) && maxLength !== undefined) return 2 + CHARACTER_BYTES * maxLength;
  if (Type.IsArray(schema) && maxItems !== undefined) return 2 + maxItems * (jsonBytes(schema.items) + 1);
  if (!Type.IsObject(schema)) throw new Error(`no bound of the bytes of ${JSON.stringify(schema)}`);
  // two quotation marks, a colon, and a comma or half of the braces
  const fields = Object.entries(schema.properties).map(([name, value]) => name.length + 4 + jsonBytes(value));
  return 2 + fields.reduce((sum, bytes) => sum + bytes, 0);
}
