import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import Type, { type Static } from 'typebox';
import { createSpanExporter } from './span-exporter.ts';

/** Where traces go; the names are OpenTelemetry's. Without an endpoint nothing is traced. */
export const tracingVariables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      description: 'the URL of an OpenTelemetry collector (OTLP over HTTP), to which traces go; none if absent',
      pattern: '^https?://\\S+$',
      examples: ['http://collector:4318'],
    }),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+=.*$' }), {
    description: 'headers for the collector',
    default: [],
    examples: ['authorization=Bearer%20abc'],
  }),
  OTEL_TRACES_SAMPLER_ARG: Type.Number({
    description: 'the part of all traces that is kept; every service keeps the same ones',
    minimum: 0,
    maximum: 1,
    default: 1,
    examples: [0.01],
  }),
};
const TracingConfig = Type.Object(tracingVariables);
export type TracingConfig = Static<typeof TracingConfig>;

export type SpanKind = 'server' | 'client' | 'producer' | 'consumer';
export type Attributes = Record<string, string | number | boolean>;

export interface SpanOptions {
  kind: SpanKind;
  /** As logs and stream entries carry it. */
  traceId: string;
  /** W3C `traceparent` of the caller; if absent, the last span of the same trace in this process is the parent. */
  traceparent?: string | undefined;
  attributes?: Attributes;
  /** Unix milliseconds; now if absent. */
  startedAt?: number;
}

export interface Span {
  /** For the header or field of the next service. */
  readonly traceparent: string;
  /** @param error what went wrong, if anything */
  end(result?: { attributes?: Attributes; error?: unknown }): void;
}

export interface Tracer {
  /** @returns undefined if this trace is not kept */
  start(name: string, options: SpanOptions): Span | undefined;
  /** Sends what waits. */
  close(): Promise<void>;
  /** Spans that were dropped because the collector did not take them. */
  readonly dropped: number;
}

export interface FinishedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  kind: SpanKind;
  startedAt: number;
  endedAt: number;
  attributes: Attributes;
  error: string | undefined;
}

/** Traces whose last span is remembered, as parent of the next. Source: 5,000 events a second, half a second on their way. */
const REMEMBERED = 2_500;

/**
 * The tracer of a process, or undefined where no endpoint is configured: callers then skip tracing altogether, which is what
 * makes it free. The trace id of logs and stream entries is the trace's id, so that one message is one trace.
 */
export function createTracer(service: string, config: TracingConfig): Tracer | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: ratio } = config;
  if (endpoint === undefined) return undefined;
  const exporter = createSpanExporter({ service, endpoint, headers: headersOf(config) });
  const lastSpans = new LRUCache<string, string>({ max: REMEMBERED });

  return {
    start(name, { kind, traceId: id, traceparent, attributes = {}, startedAt = Date.now() }) {
      const traceId = toTraceId(id);
      if (!isSampled(traceId, ratio)) return undefined;
      const given = parseTraceparent(traceparent);
      const parentSpanId = given?.traceId === traceId ? given.spanId : lastSpans.get(traceId);
      const spanId = randomBytes(8).toString('hex');
      lastSpans.set(traceId, spanId);
      return {
        traceparent: `00-${traceId}-${spanId}-01`,
        end(result = {}) {
          const error = result.error === undefined ? undefined : messageOf(result.error);
          const ended = { startedAt, endedAt: Date.now(), attributes: { ...attributes, ...result.attributes }, error };
          exporter.add({ traceId, spanId, parentSpanId, name, kind, ...ended });
        },
      };
    },
    close: () => exporter.close(),
    get dropped() {
      return exporter.dropped;
    },
  };
}

/** Runs work inside a span; without a tracer it is just run. */
export async function traced<T>(
  tracer: Tracer | undefined,
  name: string,
  options: SpanOptions,
  work: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  const span = tracer?.start(name, options);
  try {
    const result = await work(span);
    span?.end();
    return result;
  } catch (error) {
    span?.end({ error });
    throw error;
  }
}

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** @returns undefined for what is no W3C traceparent */
export function parseTraceparent(header: unknown): { traceId: string; spanId: string } | undefined {
  const [, traceId, spanId] = (typeof header === 'string' && TRACEPARENT.exec(header)) || [];
  return traceId && spanId ? { traceId, spanId } : undefined;
}

/** Callers may choose ids of other forms (a UUID, their own): the same text gives the same trace everywhere. */
function toTraceId(id: string): string {
  const digits = id.replaceAll('-', '').toLowerCase();
  if (/^[0-9a-f]{32}$/.test(digits)) return digits;
  return Buffer.from(id.padEnd(16, '.')).subarray(0, 16).toString('hex');
}

/** By the trace's own id, so that every service decides alike. */
const isSampled = (traceId: string, ratio: number) => Number.parseInt(traceId.slice(-8), 16) < ratio * 0x1_0000_0000;

const headersOf = (config: TracingConfig): Record<string, string> =>
  Object.fromEntries(
    config.OTEL_EXPORTER_OTLP_HEADERS.map((pair) => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))];
    }),
  );

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));
