import { type Tracer, traced } from './tracing.ts';

/* The ends of the bus with spans around them. Each returns what it was given where nothing is traced. */

interface TracedEvent {
  traceId: string;
  traceparent?: string | undefined;
}

interface Publisher<E extends TracedEvent & { event: string }> {
  publish(event: E, recipients: readonly string[]): Promise<{ instances: number }>;
}

/** Events go out with the `traceparent` of a span of their own. */
export function tracePublisher<E extends TracedEvent & { event: string }, P extends Publisher<E>>(
  publisher: P & Publisher<E>,
  tracer: Tracer | undefined,
): Publisher<E> {
  if (!tracer) return publisher;
  return {
    publish: (event, recipients) =>
      traced(tracer, `publish ${event.event}`, { kind: 'producer', ...contextOf(event) }, (span) =>
        publisher.publish(span ? { ...event, traceparent: span.traceparent } : event, recipients),
      ),
  };
}

interface Receipts<E extends TracedEvent & { type: string }> {
  append(events: E[]): Promise<void>;
}

/** Receipts go out with the `traceparent` of a span of their own. */
export function traceReceiptLog<E extends TracedEvent & { type: string }>(
  receipts: Receipts<E>,
  tracer: Tracer | undefined,
): Receipts<E> {
  if (!tracer) return receipts;
  return {
    async append(events) {
      const spans = events.map((event) =>
        tracer.start(`append ${event.type}`, { kind: 'producer', ...contextOf(event) }),
      );
      const marked = events.map((event, i) => ({ ...event, traceparent: spans[i]?.traceparent ?? event.traceparent }));
      try {
        await receipts.append(marked as E[]);
        for (const span of spans) span?.end();
      } catch (error) {
        for (const span of spans) span?.end({ error });
        throw error;
      }
    },
  };
}

/** A span for each of the events (asked for only where traces are on) that `work` handles together. */
export async function traceBatch<T>(
  tracer: Tracer | undefined,
  events: () => readonly (TracedEvent & { name: string })[],
  work: () => Promise<T>,
): Promise<T> {
  if (!tracer) return work();
  const spans = events().map((event) => tracer.start(event.name, { kind: 'consumer', ...contextOf(event) }));
  try {
    const result = await work();
    for (const span of spans) span?.end();
    return result;
  } catch (error) {
    for (const span of spans) span?.end({ error });
    throw error;
  }
}

const contextOf = ({ traceId, traceparent }: TracedEvent) => ({ traceId, traceparent });
