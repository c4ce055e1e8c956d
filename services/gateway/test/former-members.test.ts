import { eventually } from '@confab/testkit';
import { afterEach, expect, it } from 'vitest';
import {
  CONVERSATION,
  emit,
  memoryBuses,
  next,
  startApiStandIn,
  startGateway,
  type TestGateway,
  tokenOf,
} from './start-gateway.ts';

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

it('who was told of their removal is told nothing more by a gateway that does not know of it yet, until they are added again', async () => {
  const { bus, ...buses } = memoryBuses();
  test = await startGateway({ buses });
  const elsewhere = bus.gateway({ gatewayId: 'g2' });
  const bob = await test.connect(tokenOf('bob'));
  const told: string[] = [];
  bob.onAny((event: string) => told.push(event));
  const about = { conversationId: CONVERSATION, userIds: ['bob'] };
  const members = (change: string) =>
    test.publish({ event: 'conversation:updated', payload: JSON.stringify({ ...about, change }), ...about }, ['bob']);
  const stop = (conversationId: string) =>
    elsewhere.signals.signal({ event: 'typing:stop', conversationId, userId: 'ann' }, ['bob']);

  await members('member-removed');
  await eventually(() => expect(told).toEqual(['conversation:updated']));
  await stop(CONVERSATION);
  // of another conversation, behind it: when this one is there, the first one is not on its way any more
  await stop('c'.repeat(24));
  await eventually(() => expect(told).toEqual(['conversation:updated', 'typing:stop']));
  await members('member-added');
  await eventually(() => expect(told).toHaveLength(3));
  await stop(CONVERSATION);
  await eventually(() => expect(told.at(-1)).toBe('typing:stop'));
  await elsewhere.close();
});
