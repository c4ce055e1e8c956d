import { routes } from '@confab/contracts';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

/** OpenAPI, made from the contracts, at `/docs` (`/docs/json` for machines). */
export const docs = fp(async (app: FastifyInstance) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Confab REST API',
        version: '1',
        description:
          'Chat for your own application: your users and login, our messages. Sockets are described in AsyncAPI.',
      },
      components: {
        securitySchemes: {
          user: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'A token of the user, signed by your application',
          },
          admin: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description: 'A service token with the scope chat:admin',
          },
        },
      },
    },
    // the contracts' routes, not those of operators and of the documentation itself
    transform: ({ schema, url }) => ({ schema: { ...schema, hide: !isContract(url) }, url }) as never,
  });
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
});

const paths = new Set<string>(Object.values(routes).map((route) => route.path));
const isContract = (url: string): boolean => paths.has(url);
