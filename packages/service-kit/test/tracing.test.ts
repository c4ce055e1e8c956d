import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createTracer, parseTraceparent, traceBatch, tracePublisher, traceReceiptLog } from '../src/index.ts';

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  status: { code?: number; message?: string };
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A collector that keeps what it gets. */
async function startCollector(status = 200) {
  const spans: OtlpSpan[] = [];
  const headers: (string | undefined)[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    headers.push(request.headers.authorization);
    const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[] };
    if (request.url === '/v1/traces') spans.push(...resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)));
    response.writeHead(status).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { spans, headers, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const config = (endpoint: string | undefined, ratio = 1) => ({
  ...(endpoint && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
  OTEL_EXPORTER_OTLP_HEADERS: ['authorization=Bearer%20abc'],
  OTEL_TRACES_SAMPLER_ARG: ratio,
});
const TRACE = '0af7651916cd43dd8448eb211c80319c';

describe('traces', () => {
  it('are off without an endpoint: everything stays what it was', async () => {
    expect(createTracer('api', config(undefined))).toBeUndefined();
    const publisher = { publish: async () => ({ instances: 0 }) };
    const receipts = { append: async () => {} };
    expect(tracePublisher(publisher, undefined)).toBe(publisher);
    expect(traceReceiptLog(receipts, undefined)).toBe(receipts);
    const named = () => {
      throw new Error('asked for names');
    };
    expect(await traceBatch(undefined, named, async () => 'done')).toBe('done');
  });

  it('follow one message over the bus: request, publish, push, receipt, each below the one before', async () => {
    const collector = await startCollector();
    const [api, gateway] = [
      createTracer('api', config(collector.endpoint)),
      createTracer('gateway', config(collector.endpoint)),
    ];
    if (!api || !gateway) throw new Error('no tracer');
    const request = api.start('POST /api/chat/message', { kind: 'server', traceId: TRACE });
    let published: { traceId: string; traceparent?: string } | undefined;
    const publisher = tracePublisher(
      {
        async publish(event: { event: string; traceId: string; traceparent?: string }) {
          published = event;
          return { instances: 1 };
        },
      },
      api,
    );
    await publisher.publish({ event: 'new:message', traceId: TRACE }, ['ben']);
    request?.end();
    const entry = { name: 'push new:message', traceId: TRACE, traceparent: published?.traceparent };
    await traceBatch(
      gateway,
      () => [entry],
      async () => {},
    );
    await traceReceiptLog({ append: async () => {} }, gateway).append([{ type: 'delivered', traceId: TRACE }]);
    await Promise.all([api.close(), gateway.close()]);

    const byName = new Map(collector.spans.map((span) => [span.name, span]));
    const names = ['POST /api/chat/message', 'publish new:message', 'push new:message', 'append delivered'];
    expect([...byName.keys()].sort()).toEqual([...names].sort());
    names.forEach((name, index) => {
      const span = byName.get(name);
      expect(span?.traceId).toBe(TRACE);
      expect(span?.parentSpanId).toBe(index === 0 ? undefined : byName.get(names[index - 1] ?? '')?.spanId);
    });
    expect(collector.headers[0]).toBe('Bearer abc');
  });

  it('say what failed, and let the failure through', async () => {
    const collector = await startCollector();
    const tracer = createTracer('api', config(collector.endpoint));
    const broken = { publish: async () => Promise.reject(new Error('no bus')) };
    await expect(tracePublisher(broken, tracer).publish({ event: 'x', traceId: TRACE }, [])).rejects.toThrow('no bus');
    await tracer?.close();
    expect(collector.spans[0]?.status).toEqual({ code: 2, message: 'no bus' });
  });

  it('are kept or not by their id, the same in every service', () => {
    const [one, two] = [
      createTracer('a', config('http://127.0.0.1:9', 0.5)),
      createTracer('b', config('http://127.0.0.1:9', 0.5)),
    ];
    const ids = Array.from({ length: 200 }, (_, i) => (i * 0x1_4c0_9d13 + 7).toString(16).padStart(32, '0'));
    const kept = ids.filter((traceId) => one?.start('x', { kind: 'server', traceId }) !== undefined);
    expect(kept).toEqual(ids.filter((traceId) => two?.start('x', { kind: 'server', traceId }) !== undefined));
    expect(kept.length).toBeGreaterThan(50);
    expect(kept.length).toBeLessThan(150);
  });

  it('that the collector does not take are dropped and counted; nothing waits for it', async () => {
    const collector = await startCollector(503);
    const tracer = createTracer('api', config(collector.endpoint));
    for (let i = 0; i < 3_000; i++) tracer?.start('x', { kind: 'server', traceId: TRACE })?.end();
    await tracer?.close();
    expect(tracer?.dropped).toBe(3_000);
  });
});

describe('traceparent', () => {
  it('is read as W3C says, and anything else is none', () => {
    expect(parseTraceparent(`00-${TRACE}-b7ad6b7169203331-01`)).toEqual({ traceId: TRACE, spanId: 'b7ad6b7169203331' });
    for (const junk of [undefined, 5, '', 'x', `00-${TRACE}-1-01`]) expect(parseTraceparent(junk)).toBeUndefined();
  });
});
