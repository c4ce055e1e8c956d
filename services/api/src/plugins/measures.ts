import type { RouteName, SyncResult } from '@confab/contracts';
import { Counter, Gauge, Histogram, type LagProbe, type Registry, type Tracer } from '@confab/service-kit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyRequest {
    /** `ok`, or the code of the error that the caller got. */
    outcome: string;
  }
  interface FastifyInstance {
    /** Measures a call that came in another one. */
    measureCall(operation: RouteName, outcome: string, seconds: number): void;
  }
}

interface MeasuresOptions {
  registry: Registry;
  lag: LagProbe;
  tracer: Tracer | undefined;
}

/** Seconds. Source: the bar of a send is 100 ms at p99; from there on it is a matter of how bad. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Measures every route of the contracts, and makes each request a span where traces are on, and names its trace id to the caller. */
export const measures = fp(async (app: FastifyInstance, { registry, lag, tracer }: MeasuresOptions) => {
  const metrics = createApiMetrics(registry, lag);
  app.decorateRequest('outcome', 'ok');

  // By which the caller finds the request in the logs.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-trace-id', request.id);
    done();
  });
  app.addHook('preSerialization', (request, _reply, payload, done) => {
    const { error, data } = (payload ?? {}) as { error?: { code?: string }; data?: unknown };
    if (error?.code) request.outcome = error.code;
    else if (nameOf(request) === 'sync') countVerdicts(metrics, data as SyncResult);
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const operation = nameOf(request);
    if (operation) observe(metrics, operation, request.outcome, reply.elapsedTime / 1_000);
    done();
  });
  app.decorate('measureCall', (operation: RouteName, outcome: string, seconds: number) =>
    observe(metrics, operation, outcome, seconds),
  );
  if (tracer) traceRequests(app, tracer);
});

function observe(
  metrics: ReturnType<typeof createApiMetrics>,
  operation: string,
  outcome: string,
  seconds: number,
): void {
  metrics.requests.inc({ operation, outcome });
  metrics.durations.observe({ operation }, seconds);
  if (outcome === 'RATE_LIMITED') metrics.rateLimited.inc({ operation });
  if (operation !== 'sendMessage') return;
  metrics.sends.inc({ result: outcome });
  if (outcome === 'ok') metrics.sendDuration.observe(seconds);
}

/** The name of the contract's route; undefined for operations and unknown paths. */
const nameOf = (request: FastifyRequest) =>
  (request.routeOptions.schema as { operationId?: string } | undefined)?.operationId;

function createApiMetrics(registry: Registry, lag: LagProbe) {
  const registers = [registry];
  new Gauge({
    name: 'confab_api_event_loop_lag_seconds',
    help: 'Mean delay of the event loop in the last second',
    registers,
    collect() {
      this.set(lag.meanMs() / 1_000);
    },
  });
  const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Counter<L>({ name: `confab_api_${name}_total`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Histogram<L>({ name: `confab_api_${name}_seconds`, help, labelNames, registers, buckets: BUCKETS });
  return {
    requests: counter('requests', 'Requests by operation, and `ok` or the code of the error', ['operation', 'outcome']),
    durations: histogram('request_duration', 'Time to answer', ['operation']),
    sends: counter('sends', 'Messages that were to be sent, by `ok` or the code of the error', ['result']),
    sendDuration: histogram('send_duration', 'Time to store a message, publish it and answer', []),
    rateLimited: counter('rate_limit_refusals', 'Requests refused because of a rate limit', ['operation']),
    syncVerdicts: counter('sync_verdicts', 'Verdicts on conversations in sync replies', ['verdict']),
  };
}

function countVerdicts({ syncVerdicts }: ReturnType<typeof createApiMetrics>, result: SyncResult): void {
  for (const { verdict } of result.conversations) syncVerdicts.inc({ verdict });
}

function traceRequests(app: FastifyInstance, tracer: Tracer): void {
  const spans = new WeakMap<FastifyRequest, NonNullable<ReturnType<Tracer['start']>>>();
  app.addHook('onRequest', async (request) => {
    if (!nameOf(request)) return;
    const { traceparent } = request.headers;
    const span = tracer.start(`${request.method} ${request.routeOptions.url}`, {
      kind: 'server',
      traceId: request.id,
      traceparent: typeof traceparent === 'string' ? traceparent : undefined,
      attributes: { 'http.request.method': request.method, 'http.route': request.routeOptions.url ?? '' },
    });
    if (span) spans.set(request, span);
  });
  app.addHook('onResponse', async (request, reply) => {
    spans.get(request)?.end({
      attributes: { 'http.response.status_code': reply.statusCode, 'confab.outcome': request.outcome },
      ...(reply.statusCode >= 500 && { error: request.outcome }),
    });
  });
}
