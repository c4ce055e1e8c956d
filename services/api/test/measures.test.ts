import { expect, it } from 'vitest';
import { build } from './build.ts';

/** The value of a series, 0 if it is not there. */
async function readSeries(base: string, series: string): Promise<number> {
  const text = await (await fetch(`${base}/metrics`)).text();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

it('counts sends by result, refusals of limits and verdicts of syncs, and times them', async () => {
  const api = await build({ env: { MESSAGES_PER_MINUTE: '1' } });
  const base = await api.listen();
  const conversationId = await api.open('ann', 'ben');
  await api.call('POST', '/api/chat/message', { as: 'ann', body: { conversationId, text: 'One' } });
  await api.call('POST', '/api/chat/message', { as: 'ann', body: { conversationId, text: 'Two' } });
  await api.call('POST', '/api/chat/message', { as: 'ann', body: { conversationId } });
  await api.call('POST', '/api/chat/sync', { as: 'ben', body: {} });

  expect(await readSeries(base, 'confab_api_sends_total{result="ok",service="api"}')).toBe(1);
  expect(await readSeries(base, 'confab_api_sends_total{result="RATE_LIMITED",service="api"}')).toBe(1);
  expect(await readSeries(base, 'confab_api_sends_total{result="VALIDATION_FAILED",service="api"}')).toBe(1);
  expect(await readSeries(base, 'confab_api_send_duration_seconds_count{service="api"}')).toBe(1);
  expect(await readSeries(base, 'confab_api_rate_limit_refusals_total{operation="sendMessage",service="api"}')).toBe(1);
  expect(await readSeries(base, 'confab_api_sync_verdicts_total{verdict="complete",service="api"}')).toBe(1);
  expect(await readSeries(base, 'confab_api_requests_total{operation="sync",outcome="ok",service="api"}')).toBe(1);
});

it('counts nothing for who asks for metrics, or for what is not there', async () => {
  const api = await build();
  const base = await api.listen();
  await fetch(`${base}/nowhere`);
  const text = await (await fetch(`${base}/metrics`)).text();
  expect(text).not.toMatch(/^confab_api_requests_total\{/m);
});
