import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@confab/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Person } from './person.ts';
import { type System, startSplit } from './system.ts';

interface Span {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
}

interface Otlp {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
}

const spans: Span[] = [];
let system: System;

const collector = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  for (const { resource, scopeSpans } of (JSON.parse(body) as Otlp).resourceSpans) {
    const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
    spans.push(...scopeSpans.flatMap((scope) => scope.spans).map((span) => ({ ...span, service })));
  }
  response.end('{}');
});

beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const { port } = collector.address() as AddressInfo;
  system = await startSplit({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
});

afterAll(async () => {
  await system?.stop();
  collector.close();
  collector.closeAllConnections();
});

describe('traces', () => {
  it('one message is one trace: socket, REST, stream entries, push and worker', async () => {
    const [ann, ben] = [new Person(system, 'trace-ann'), new Person(system, 'trace-ben')];
    const conversationId = await ann.converse(ben);
    const [from, to] = [await ann.connect(), await ben.connect()];

    await from.emit('send:message', { conversationId, text: 'Traced' });
    await Promise.all([to.event('new:message'), from.event('message:delivered')]);

    const wanted = [
      'confab-gateway POST api',
      'confab-api POST /api/chat/message',
      'confab-api publish new:message',
      'confab-gateway push new:message',
      'confab-gateway append delivered',
      'confab-receipts apply delivered',
      'confab-receipts publish message:delivered',
      'confab-gateway push message:delivered',
    ];
    await eventually(() => {
      const traceId = spans.find((span) => span.name === 'publish new:message')?.traceId;
      const ofMessage = spans.filter((span) => span.traceId === traceId);
      expect(ofMessage.map((span) => `${span.service} ${span.name}`)).toEqual(expect.arrayContaining(wanted));
      // one tree: every span but the first hangs below another of the same trace
      const ids = new Set(ofMessage.map((span) => span.spanId));
      const roots = ofMessage.filter((span) => span.parentSpanId === undefined || !ids.has(span.parentSpanId));
      expect(roots.map((span) => span.name)).toEqual(['POST api']);
    }, 10_000);
  });
});
