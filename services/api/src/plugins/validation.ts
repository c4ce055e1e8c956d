import { ChatError, describeFailure, isDeeperThan, limits, validatorOf } from '@confab/contracts';
import type { FastifyBodyParser, FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import Type, { type TSchema } from 'typebox';

/**
 * Validates with the contracts' own validators, the ones that sockets use too, so that both transports refuse the same
 * things. Bodies are taken as they are; only query strings, which are always text, get their numbers read.
 */
export const validation = fp(async (app: FastifyInstance) => {
  app.addHook('preValidation', ({ body }, _reply, done) => {
    if (!isDeeperThan(body, limits.jsonDepth)) return done();
    done(new ChatError('VALIDATION_FAILED', { reason: 'The body nests too deep' }));
  });
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const contract = schema as TSchema;
    const validator = validatorOf(contract);
    return (value: unknown) => {
      const input = httpPart === 'querystring' ? withNumbers(contract, value) : (value ?? absent(httpPart));
      if (validator.Check(input)) return { value: input };
      return { error: new ChatError('VALIDATION_FAILED', describeFailure(validator, input)) };
    };
  });
  // JSON is all that is read; text would be taken for a body that is no object.
  app.removeContentTypeParser('text/plain');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, jsonUnlessEmpty(app));
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
});

/** Clients name the type on each request, those without a body too (a DELETE): Fastify would refuse an empty one as no JSON. */
function jsonUnlessEmpty(app: FastifyInstance): FastifyBodyParser<string> {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request, body, done) => (body.length === 0 ? done(null, undefined) : parse(request, body, done));
}

/** A body that was not sent is an empty one: all of its fields may be optional. */
const absent = (httpPart: string | undefined) => (httpPart === 'body' ? {} : undefined);

function withNumbers(schema: TSchema, value: unknown): unknown {
  if (!Type.IsObject(schema) || typeof value !== 'object' || value === null) return value;
  const isNumber = (name: string) => Object.hasOwn(schema.properties, name) && Type.IsInteger(schema.properties[name]);
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => [
      name,
      isNumber(name) && typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : text,
    ]),
  );
}
