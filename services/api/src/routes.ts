import { ErrorReply, type RouteContract, type RouteName, routes } from '@confab/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { adminHandlers } from './handlers/admin.ts';
import { conversationHandlers } from './handlers/conversations.ts';
import { mediaHandlers } from './handlers/media.ts';
import { messageHandlers } from './handlers/messages.ts';
import type { ApiContext, Call, Handlers } from './handlers/types.ts';

const handlers: Handlers = { ...conversationHandlers, ...messageHandlers, ...mediaHandlers, ...adminHandlers };

/**
 * Registers every route of the contracts with its handler; a contract without one does not compile.
 * @param bodyLimit bytes of a body, where its route has no larger limit
 */
export function registerRoutes(app: FastifyInstance, ctx: ApiContext, bodyLimit: number): void {
  for (const name of Object.keys(routes) as RouteName[]) {
    const contract: RouteContract = routes[name];
    const handler = handlers[name] as (ctx: ApiContext, call: Call<never>) => Promise<unknown>;
    app.route({
      method: contract.method,
      url: contract.path,
      schema: schemaOf(name, contract),
      bodyLimit: Math.max(bodyLimit, contract.bodyBytes ?? 0),
      // After onRequest, where requests of one address are limited: guessing tokens counts too. Before the body is read.
      preParsing: app.authenticate(contract.access),
      handler: async (request, reply) => {
        const body = await handler(ctx, callOf(app, request));
        return reply.code(contract.status).send(body);
      },
    });
  }
}

function schemaOf(name: RouteName, contract: RouteContract) {
  return {
    operationId: name,
    summary: contract.summary,
    security: [{ [contract.access]: [] }],
    ...(contract.params && { params: contract.params }),
    ...(contract.query && { querystring: contract.query }),
    ...(contract.body && { body: contract.body }),
    response: { [contract.status]: contract.reply, '4xx': ErrorReply, '5xx': ErrorReply },
  };
}

const callOf = (app: FastifyInstance, request: FastifyRequest): Call<never> => ({
  identity: request.identity,
  params: request.params as never,
  query: request.query as never,
  body: (request.body ?? {}) as never,
  headers: request.headers,
  traceId: request.id,
  within: (calls) => app.runWithin(request, calls),
});
