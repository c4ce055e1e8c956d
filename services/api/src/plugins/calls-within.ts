import type { RouteName } from '@confab/contracts';
import { clientAddress, createProxyTrust, type Tracer, traced, traceIdFrom } from '@confab/service-kit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { InnerAnswer, InnerCall, InnerCaller } from '../handlers/types.ts';
import { failureOf, failureReply } from './failures.ts';

declare module 'fastify' {
  interface FastifyInstance {
    runWithin<C extends InnerCaller, T>(
      request: FastifyRequest,
      operation: RouteName,
      callers: readonly C[],
      run: (caller: C, made: InnerCall) => Promise<T>,
    ): Promise<InnerAnswer<T>[]>;
  }
}

interface Options {
  /** TRUST_PROXY. */
  trustProxy: readonly string[];
  tracer: Tracer | undefined;
}

/** A gateway's request carries the token of its first call: that one was looked at, and counted for its user, when the request came. */
const identityOf = async (app: FastifyInstance, request: FastifyRequest, index: number, { token }: InnerCaller) =>
  index === 0 && request.headers.authorization === `Bearer ${token}` ? request.identity : app.identify(token);

/**
 * Several calls in one request. Nothing that holds for a call by itself may be got around by it: each has a token of its own, counts for the
 * address that its own request would have counted for, and counts as work under way.
 */
export const callsWithin = fp(async (app: FastifyInstance, { trustProxy, tracer }: Options) => {
  const trusts = createProxyTrust(trustProxy);

  /** The address that Fastify would have found, had the call come with an X-Forwarded-For of its own by the same way. */
  const addressOf = ({ raw, headers }: FastifyRequest, { address }: InnerCaller): string => {
    const [, ...hops] = String(headers['x-forwarded-for'] ?? '').split(',');
    return clientAddress(raw.socket.remoteAddress, [address, ...hops].join(','), trusts);
  };

  const runOne = async <C extends InnerCaller, T>(
    request: FastifyRequest,
    operation: RouteName,
    [index, caller]: [number, C],
    run: (caller: C, made: InnerCall) => Promise<T>,
  ): Promise<InnerAnswer<T>> => {
    const startedAt = performance.now();
    const traceId = traceIdFrom(caller.traceId, caller.traceparent);
    let outcome = 'ok';
    try {
      // The request itself was counted for the first one.
      if (index > 0) app.countRequests(addressOf(request, caller), 1);
      const span = { kind: 'server', traceId, traceparent: caller.traceparent } as const;
      const data = await traced(tracer, `within ${request.routeOptions.url}`, span, async () =>
        run(caller, { identity: await identityOf(app, request, index, caller), traceId }),
      );
      return { success: true, data };
    } catch (error) {
      const failure = failureOf(error, request.log);
      outcome = failure.code;
      return failureReply(failure);
    } finally {
      app.measureCall(operation, outcome, (performance.now() - startedAt) / 1_000);
    }
  };

  const runAll: FastifyInstance['runWithin'] = async (request, operation, callers, run) => {
    const leave = app.occupy(callers.length - 1);
    try {
      return await Promise.all([...callers.entries()].map((entry) => runOne(request, operation, entry, run)));
    } finally {
      leave();
    }
  };
  app.decorate('runWithin', runAll);
});
