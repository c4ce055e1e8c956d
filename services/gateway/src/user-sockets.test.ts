import { ChatError } from '@confab/contracts';
import { expect, it } from 'vitest';
import { createUserSockets } from './user-sockets.ts';

function setUp(limit = 2) {
  const said: [string, number][] = [];
  const warnings: string[] = [];
  const state = { away: false };
  const answer = async (userId: string, count: number) => {
    if (state.away) throw new ChatError('UNAVAILABLE');
    if (count <= limit) said.push([userId, count]);
    return count <= limit;
  };
  const quota = {
    takeSockets: answer,
    setSockets: async (counts: ReadonlyMap<string, number>) => {
      if (state.away) throw new ChatError('UNAVAILABLE');
      said.push(...counts);
    },
  };
  const log = { info: () => {}, warn: (_: object, text: string) => void warnings.push(text), error: () => {} };
  return { sockets: createUserSockets({ quota, limit, log }), said, warnings, state };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

it('says how many there are, one step of a user after the other', async () => {
  const { sockets, said } = setUp();
  const [leaveOne, leaveTwo] = await Promise.all([sockets.open('ann'), sockets.open('ann')]);
  await expect(sockets.open('ann')).rejects.toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
  leaveOne();
  leaveOne();
  leaveTwo();
  await settled();
  expect(said).toEqual([
    ['ann', 1],
    ['ann', 2],
    ['ann', 0],
    ['ann', 0],
  ]);
});

it('lets users in while the bus is away, says so once, and says the numbers when it is asked to', async () => {
  const { sockets, said, warnings, state } = setUp();
  state.away = true;
  const leave = await sockets.open('ann');
  await sockets.open('ann');
  await sockets.open('ann');
  leave();
  await settled();
  expect(warnings).toHaveLength(1);
  state.away = false;
  sockets.restate();
  await settled();
  expect(said).toEqual([['ann', 2]]);
});

it('forgets users who are gone', async () => {
  const { sockets, said } = setUp();
  const leave = await sockets.open('ann');
  leave();
  await settled();
  said.length = 0;
  sockets.restate();
  await settled();
  expect(said).toEqual([]);
});

it('says again what the bus did not take, once it is there, so that nobody stays counted who is gone', async () => {
  const { sockets, said, state } = setUp();
  const [leaveAnn, leaveBob] = [await sockets.open('ann'), await sockets.open('bob')];
  state.away = true;
  leaveAnn();
  leaveBob();
  await sockets.open('eve');
  await settled();
  sockets.catchUp();
  await settled();
  state.away = false;
  said.length = 0;
  sockets.catchUp();
  await settled();
  await settled();
  expect(said.sort()).toEqual([
    ['ann', 0],
    ['bob', 0],
    ['eve', 1],
  ]);
  sockets.catchUp();
  await settled();
  expect(said).toHaveLength(3);
});
