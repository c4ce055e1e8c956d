import { mintToken, type ServiceProcess, startService, testMongo, testRedis } from '@confab/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { build } from './build.ts';

const SECRET = 'a-secret-of-the-tests-with-more-than-32-characters';

test('a user has one budget for all routes; others, and whoever administers, are not concerned', async () => {
  const { call, open } = await build({ env: { REQUESTS_PER_MINUTE_PER_USER: '6' } });
  const id = await open('ann', 'ben');
  const asked = [
    await call('GET', '/api/chat/unread-count', { as: 'ann' }),
    await call('GET', '/api/chat/conversations', { as: 'ann' }),
    await call('GET', `/api/chat/conversation/${id}/messages`, { as: 'ann' }),
    await call('POST', '/api/chat/message', { as: 'ann', body: { conversationId: 'not-an-id', text: 'x' } }),
    await call('GET', `/api/chat/message/${'f'.repeat(24)}`, { as: 'ann' }),
    await call('POST', '/api/chat/message', { as: 'ann', body: { conversationId: id, text: 'one too many' } }),
  ];
  expect(asked.map(({ status }) => status)).toEqual([200, 200, 200, 400, 404, 429]);
  const refused = asked.at(-1);
  expect(refused?.body.error?.code).toBe('RATE_LIMITED');
  expect(refused?.body.retryAfter).toBeGreaterThan(0);
  expect(refused?.body.retryAfter).toBeLessThanOrEqual(60);
  expect(refused?.headers['retry-after']).toBe(String(refused?.body.retryAfter));
  expect((await call('GET', '/api/chat/unread-count', { as: 'ben' })).status).toBe(200);
  for (let i = 0; i < 10; i++) {
    const put = await call('PUT', '/api/chat/users/cat', { as: 'ann', scope: 'chat:admin', body: { name: 'Cat' } });
    expect(put.status).toBe(200);
  }
});

test('over two processes and many addresses it is at most a tenth more', async () => {
  const [redis, mongo] = [await testRedis(), await testMongo()];
  onTestFinished(() => redis.stop());
  const env = {
    ...{ HOST: '127.0.0.1', PORT: '0', JWT_SECRET: SECRET, TRUST_PROXY: '127.0.0.1' },
    ...{ REDIS_URL: redis.url, KEY_PREFIX: redis.keyPrefix() },
    ...{ MONGODB_URL: mongo.url, MONGODB_DATABASE: mongo.dbName(), REQUESTS_PER_MINUTE_PER_USER: '200' },
  };
  const apis: ServiceProcess[] = [await startService({ name: 'api', env }), await startService({ name: 'api', env })];
  onTestFinished(async () => void (await Promise.all(apis.map((api) => api.stop()))));
  const authorization = `Bearer ${mintToken(SECRET, { sub: 'ann' })}`;
  const ask = async (index: number) => {
    const headers = { authorization, 'x-forwarded-for': `198.51.${index >> 8}.${index & 255}` };
    const { status } = await fetch(`${apis[index % 2]?.url}/api/chat/unread-count`, { headers });
    return status;
  };
  const statuses: number[] = [];
  // four at a time, each as fast as it is answered
  const askers = [0, 1, 2, 3].map(async (first) => {
    for (let i = first; i < 400; i += 4) statuses.push(await ask(i));
  });
  await Promise.all(askers);
  const taken = statuses.filter((status) => status === 200).length;
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(taken).toBeGreaterThanOrEqual(200);
  expect(taken).toBeLessThanOrEqual(220);
});
