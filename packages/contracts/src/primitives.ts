import Type, { type Static } from 'typebox';
import { limits } from './limits.ts';

// No NUL and no lone surrogate: neither survives a round trip through every store and client (they are not valid UTF-8 text).
const PRINTABLE = '^[^\\u0000\\uD800-\\uDFFF]*$';
// In ids no control characters at all: they go to logs, keys and headers.
const IDENTIFIER = '^[^\\u0000-\\u001F\\u007F-\\u009F\\uD800-\\uDFFF]+$';

/** A string that every store, log and client carries unchanged. `maxLength` in code points. */
export const Text = (maxLength: number, options: { minLength?: number; description?: string } = {}) =>
  Type.String({ maxLength, pattern: PRINTABLE, ...options });

export const ObjectIdString = Type.String({
  pattern: '^[0-9a-f]{24}$',
  description: 'An id that Confab gave: 24 hexadecimal digits',
});
export const ConversationId = ObjectIdString;
export const MessageId = ObjectIdString;

export const UserId = Type.String({
  minLength: 1,
  maxLength: limits.userIdLength,
  pattern: IDENTIFIER,
  description: 'The application’s own id of a user: an opaque string',
});
export const ClientMessageId = Type.String({
  minLength: 1,
  maxLength: limits.clientMessageIdLength,
  pattern: IDENTIFIER,
  description: 'Chosen by the client, unique per sender and conversation: the same id returns the same message',
});
export const Timestamp = Type.String({
  description: 'ISO 8601 in UTC, milliseconds',
  examples: ['2024-01-01T00:00:00.000Z'],
});
export const Seq = Type.Integer({
  minimum: 0,
  description: 'Position of a message in its conversation: dense, from 1',
});
export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** An object that refuses fields it does not know. */
export const Strict = <T extends Type.TProperties>(properties: T, options: Type.TObjectOptions = {}) =>
  Type.Object(properties, { ...options, additionalProperties: false });

export type UserId = Static<typeof UserId>;
