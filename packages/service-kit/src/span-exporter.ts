import type { FinishedSpan, SpanKind } from './tracing.ts';

export interface SpanExporter {
  add(span: FinishedSpan): void;
  /** Sends what waits, within the timeout of one request. */
  close(): Promise<void>;
  readonly dropped: number;
}

export interface SpanExporterOptions {
  service: string;
  /** Base URL of the collector; `/v1/traces` is added. */
  endpoint: string;
  headers: Record<string, string>;
}

/** Milliseconds that spans are collected before they are sent. Source: OpenTelemetry's batch processor has 5 s; tests and people wait less. */
const EVERY_MS = 1_000;
/** Spans of one request. Source: as above. */
const BATCH = 512;
/** Spans that wait; more are dropped. Source: as above. Tracing never holds up what it traces. */
const MAX_WAITING = 2_048;
const TIMEOUT_MS = 5_000;

/** Numbers of the OTLP protocol. */
const KINDS: Record<SpanKind, number> = { server: 2, client: 3, producer: 4, consumer: 5 };
const STATUS_ERROR = 2;

/** Sends spans as OTLP in JSON over HTTP, in the background. What the collector does not take is dropped and counted. */
export function createSpanExporter({ service, endpoint, headers }: SpanExporterOptions): SpanExporter {
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const waiting: FinishedSpan[] = [];
  let dropped = 0;
  let sending: Promise<void> = Promise.resolve();

  const send = async (spans: FinishedSpan[]) => {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(toOtlp(service, spans)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (!response.ok) dropped += spans.length;
    } catch {
      // Counted, and nothing else: a collector that is away must not fill the log of the service.
      dropped += spans.length;
    }
  };
  const flush = () => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      sending = sending.then(() => send(batch));
    }
    return sending;
  };
  const timer = setInterval(() => void flush(), EVERY_MS);
  timer.unref();

  return {
    add(span) {
      if (waiting.length >= MAX_WAITING) dropped++;
      else waiting.push(span);
    },
    async close() {
      clearInterval(timer);
      await flush();
    },
    get dropped() {
      return dropped;
    },
  };
}

function toOtlp(service: string, spans: readonly FinishedSpan[]) {
  return {
    resourceSpans: [
      {
        resource: { attributes: toAttributes({ 'service.name': `confab-${service}`, 'service.namespace': 'confab' }) },
        scopeSpans: [{ scope: { name: 'confab' }, spans: spans.map(toSpan) }],
      },
    ],
  };
}

const toSpan = (span: FinishedSpan) => ({
  traceId: span.traceId,
  spanId: span.spanId,
  ...(span.parentSpanId && { parentSpanId: span.parentSpanId }),
  name: span.name,
  kind: KINDS[span.kind],
  startTimeUnixNano: toNanoseconds(span.startedAt),
  endTimeUnixNano: toNanoseconds(span.endedAt),
  attributes: toAttributes(span.attributes),
  status: span.error === undefined ? {} : { code: STATUS_ERROR, message: span.error },
});

const toNanoseconds = (milliseconds: number) => `${Math.round(milliseconds)}000000`;

const toAttributes = (attributes: FinishedSpan['attributes']) =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: toValue(value) }));

function toValue(value: string | number | boolean) {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
