import type { ContactBook, RevocationList } from '@confab/chat';
import { ChatError, type RouteAccess } from '@confab/contracts';
import { createTokenVerifier, type Identity, type JwtConfig } from '@confab/service-kit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; set before a route's handler runs. */
    identity: Identity;
  }
  interface FastifyInstance {
    /** The hook that a route of this access registers. */
    authenticate(access: RouteAccess): (request: FastifyRequest) => Promise<void>;
    /** Who a user's token stands for that is no header of a request. @throws ChatError as `authenticate` */
    identify(token: string): Promise<Identity>;
  }
}

interface AuthenticationOptions {
  config: JwtConfig;
  revocations: RevocationList;
  contacts: ContactBook;
}

/** The scope of a token that may call admin routes. */
const ADMIN_SCOPE = 'chat:admin';

/** Verifies the bearer token, counts the request for its user, and makes the user known from its claims at first contact. */
export const authentication = fp(
  async (app: FastifyInstance, { config, revocations, contacts }: AuthenticationOptions) => {
    app.decorateRequest('identity', null as unknown as Identity);
    const verifier = createTokenVerifier(config);

    const admit = async (identity: Identity, access: RouteAccess): Promise<void> => {
      const { userId, tokenId, issuedAt } = identity;
      if (revocations.isRevoked({ userId, issuedAt, ...(tokenId !== undefined && { tokenId }) }))
        throw new ChatError('TOKEN_REVOKED');
      if (access === 'admin' && !identity.scopes.includes(ADMIN_SCOPE)) {
        throw new ChatError('FORBIDDEN', { reason: `This needs a token with the scope ${ADMIN_SCOPE}` });
      }
      // Whoever may administer is trusted, and may have a lot to do.
      if (access !== 'user') return;
      app.countUser(userId);
      await contacts.meet(userId, identity.profile);
    };

    app.decorate('authenticate', (access: RouteAccess) => async (request: FastifyRequest) => {
      const identity = await verifier.verify(bearerToken(request));
      await admit(identity, access);
      request.identity = identity;
    });
    app.decorate('identify', async (token: string) => {
      const identity = await verifier.verify(token);
      await admit(identity, 'user');
      return identity;
    });
  },
);

/** @throws ChatError UNAUTHENTICATED if there is no bearer token */
function bearerToken({ headers }: FastifyRequest): string {
  const token = /^Bearer ([^ ]+)$/i.exec(headers.authorization ?? '')?.[1];
  if (token === undefined) throw new ChatError('UNAUTHENTICATED');
  return token;
}
