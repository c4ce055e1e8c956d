import { describe, expect, it } from 'vitest';
import { createHealth } from './health.ts';
import { createMetrics, Gauge } from './metrics.ts';
import { createOperations, createOperationsServer } from './operations.ts';

describe('readiness', () => {
  it('is ok only while every check is', async () => {
    const health = createHealth();
    let ok = true;
    const remove = health.add({ name: 'inbox', check: () => ({ ok, detail: 'read 3 ms ago' }) });
    expect(await health.ready()).toEqual({ ok: true, checks: { inbox: { ok: true, detail: 'read 3 ms ago' } } });
    ok = false;
    expect((await health.ready()).ok).toBe(false);
    remove();
    expect((await health.ready()).ok).toBe(true);
  });

  it('takes a check that throws, or never answers, as failed', async () => {
    const health = createHealth();
    health.add({
      name: 'throws',
      check: () => {
        throw new Error('no connection');
      },
    });
    health.add({ name: 'hangs', check: () => new Promise(() => {}) });
    expect(await health.ready()).toEqual({
      ok: false,
      checks: {
        throws: { ok: false, detail: 'no connection' },
        hangs: { ok: false, detail: 'no answer within 800 ms' },
      },
    });
  });

  it('is off while draining, and the process still counts as alive', async () => {
    const health = createHealth();
    health.drain();
    expect((await health.ready()).ok).toBe(false);
    expect(health.live().ok).toBe(true);
  });
});

it('serves health, readiness and metrics over HTTP', async () => {
  const health = createHealth();
  const metrics = createMetrics({ service: 'test' });
  new Gauge({ name: 'things', help: 'Things', registers: [metrics] }).set(3);
  const server = createOperationsServer(createOperations({ health, metrics }), { host: '127.0.0.1', port: 0 });
  const base = `http://127.0.0.1:${await server.start()}`;
  expect((await fetch(`${base}/healthz`)).status).toBe(200);
  expect(await (await fetch(`${base}/readyz?x=1`)).json()).toEqual({ ok: true, checks: {} });
  health.drain();
  expect((await fetch(`${base}/readyz`)).status).toBe(503);
  const text = await (await fetch(`${base}/metrics`)).text();
  expect(text).toContain('things{service="test"} 3');
  expect(text).toContain('nodejs_eventloop_lag_seconds');
  expect((await fetch(`${base}/constructor`)).status).toBe(404);
  expect((await fetch(`${base}/healthz`, { method: 'POST' })).status).toBe(404);
  await server.close();
});
