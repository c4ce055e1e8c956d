import { settledValue } from '@confab/chat';
import { clientAddress, createProxyTrust, type Tracer, traced, traceIdFrom } from '@confab/service-kit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Admitted, InnerAnswer, InnerCaller, InnerCalls } from '../handlers/types.ts';
import { failureOf, failureReply } from './failures.ts';

declare module 'fastify' {
  interface FastifyInstance {
    runWithin<C extends InnerCaller, T>(request: FastifyRequest, calls: InnerCalls<C, T>): Promise<InnerAnswer<T>[]>;
  }
}

interface Options {
  /** TRUST_PROXY. */
  trustProxy: readonly string[];
  tracer: Tracer | undefined;
}

/** A call at its place among those of a request. */
type Placed<C> = [index: number, caller: C];

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

  /** @throws ChatError as the call by itself would be refused */
  const admit = async <C extends InnerCaller>(
    request: FastifyRequest,
    [index, caller]: Placed<C>,
  ): Promise<Admitted<C>> => {
    // The request itself was counted for the first one.
    if (index > 0) app.countRequests(addressOf(request, caller), 1);
    const identity = await identityOf(app, request, index, caller);
    return { caller, identity, traceId: traceIdFrom(caller.traceId, caller.traceparent) };
  };

  /** Measures and traces a call, and answers for it. */
  const answerFor = async <T>(
    request: FastifyRequest,
    { operation }: Pick<InnerCalls<InnerCaller, T>, 'operation'>,
    { traceId, traceparent }: InnerCaller,
    outcome: () => Promise<T>,
  ): Promise<InnerAnswer<T>> => {
    const startedAt = performance.now();
    let result = 'ok';
    try {
      const span = { kind: 'server', traceId: traceIdFrom(traceId, traceparent), traceparent } as const;
      return { success: true, data: await traced(tracer, `within ${request.routeOptions.url}`, span, outcome) };
    } catch (error) {
      const failure = failureOf(error, request.log);
      result = failure.code;
      return failureReply(failure);
    } finally {
      app.measureCall(operation, result, (performance.now() - startedAt) / 1_000);
    }
  };

  /** Those that are admitted are run together; whoever is refused fails alone. */
  const runLane = <C extends InnerCaller, T>(
    request: FastifyRequest,
    calls: InnerCalls<C, T>,
    lane: readonly Placed<C>[],
  ): Promise<InnerAnswer<T>>[] => {
    const admissions = lane.map((placed) => admit(request, placed));
    const outcomes = runAdmitted(admissions, calls.run);
    return lane.map(([, caller], at) =>
      answerFor(request, calls, caller, async () => {
        const call = await (admissions[at] as Promise<Admitted<C>>);
        return settledValue((await outcomes).get(call));
      }),
    );
  };

  const runAll: FastifyInstance['runWithin'] = async (request, calls) => {
    const leave = app.occupy(calls.callers.length - 1);
    try {
      const answers: Promise<InnerAnswer<never>>[] = [];
      for (const lane of lanesOf(calls)) {
        for (const [at, answer] of runLane(request, calls, lane).entries()) {
          answers[(lane[at] as Placed<unknown>)[0]] = answer as Promise<InnerAnswer<never>>;
        }
      }
      return await Promise.all(answers);
    } finally {
      leave();
    }
  };
  app.decorate('runWithin', runAll);
});

/** A gateway's request carries the token of its first call: that one was looked at, and counted for its user, when the request came. */
const identityOf = async (app: FastifyInstance, request: FastifyRequest, index: number, { token }: InnerCaller) =>
  index === 0 && request.headers.authorization === `Bearer ${token}` ? request.identity : app.identify(token);

/** Calls that are run together, in order. They are of one token, so that none waits for what is not known of another's. */
function lanesOf<C extends InnerCaller>({ callers, laneOf }: Pick<InnerCalls<C, unknown>, 'callers' | 'laneOf'>) {
  const placed: Placed<C>[] = [...callers.entries()];
  return Map.groupBy(placed, ([index, caller]) => {
    const lane = laneOf(caller);
    return lane === undefined ? index : `${lane} ${caller.token}`;
  }).values();
}

/** @returns the outcome of each that was admitted; empty if none was */
async function runAdmitted<C extends InnerCaller, T>(
  admissions: readonly Promise<Admitted<C>>[],
  run: InnerCalls<C, T>['run'],
): Promise<Map<Admitted<C>, PromiseSettledResult<T> | undefined>> {
  const admitted = (await Promise.allSettled(admissions)).flatMap((admission) =>
    admission.status === 'fulfilled' ? [admission.value] : [],
  );
  if (admitted.length === 0) return new Map();
  const outcomes = await run(admitted);
  return new Map(admitted.map((call, index) => [call, outcomes[index]]));
}
