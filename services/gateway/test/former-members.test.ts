import { eventually } from '@confab/testkit';
import { afterEach, expect, it } from 'vitest';
import { CONVERSATION, emit, next, startApiStandIn, startGateway, type TestGateway, tokenOf } from './start-gateway.ts';

let test: TestGateway;
afterEach(() => test.close());

it('who was removed while somebody typed is not told that they stopped', async () => {
  const api = await startApiStandIn(['ann', 'bob', 'cat']);
  test = await startGateway({ config: { API_URL: api.url } });
  const [ann, bob, cat] = [
    await test.connect(tokenOf('ann')),
    await test.connect(tokenOf('bob')),
    await test.connect(tokenOf('cat')),
  ];
  const toldBob: string[] = [];
  bob.onAny((event: string) => toldBob.push(event));
  expect((await emit(ann, 'typing:start', { conversationId: CONVERSATION })).success).toBe(true);
  await eventually(() => expect(toldBob).toEqual(['typing:start']));
  api.state.participants = ['ann', 'cat'];
  const change = { conversationId: CONVERSATION, userIds: ['bob'] };
  const payload = JSON.stringify({ ...change, change: 'member-removed' });
  await test.publish({ event: 'conversation:updated', payload, ...change }, ['ann', 'bob', 'cat']);
  await eventually(() => expect(toldBob).toEqual(['typing:start', 'conversation:updated']));
  const stopped = next(cat, 'typing:stop');
  expect((await emit(ann, 'typing:stop', { conversationId: CONVERSATION })).success).toBe(true);
  expect(await stopped).toEqual({ conversationId: CONVERSATION, userId: 'ann' });
  await test.publish({ event: 'new:message' }, ['bob']);
  await eventually(() => expect(toldBob).toContain('new:message'));
  expect(toldBob).not.toContain('typing:stop');
  await api.close();
});

it('who is removed while they type has stopped typing, for those who remain', async () => {
  const api = await startApiStandIn(['ann', 'bob', 'cat']);
  test = await startGateway({ config: { API_URL: api.url } });
  const [ann, bob] = [await test.connect(tokenOf('ann')), await test.connect(tokenOf('bob'))];
  const started = next(bob, 'typing:start');
  await emit(ann, 'typing:start', { conversationId: CONVERSATION });
  await started;
  const stopped = next(bob, 'typing:stop');
  const change = { conversationId: CONVERSATION, userIds: ['ann'] };
  const payload = JSON.stringify({ ...change, change: 'member-removed' });
  await test.publish({ event: 'conversation:updated', payload, ...change }, ['ann', 'bob', 'cat']);
  expect(await stopped).toEqual({ conversationId: CONVERSATION, userId: 'ann' });
  await api.close();
});
