import { MongoClient, ObjectId, type ServerDescription } from 'mongodb';
import { expect, it } from 'vitest';
import { watchPrimary } from './primary-changes.ts';

/** What a client that watches sees of members, and when. */
function setup() {
  // It never connects: the events are ours.
  const client = new MongoClient('mongodb://127.0.0.1:1');
  const clock = { now: 0 };
  const primary = watchPrimary(client, () => clock.now);
  const sees = (now: number, ...servers: Partial<ServerDescription>[]) => {
    clock.now = now;
    const members = new Map(servers.map((server) => [server.address, server]));
    client.emit('topologyDescriptionChanged', { newDescription: { servers: members } } as never);
  };
  return { primary, sees };
}

const member = (address: string, type: 'RSPrimary' | 'RSSecondary' | 'Unknown', election?: ObjectId) => ({
  ...{ address, type, electionId: election ?? null },
});

it('sees no change in the first primary, in one that was away for a while, nor in a single server', () => {
  const { primary, sees } = setup();
  sees(1, member('a', 'Unknown'));
  sees(2, member('a', 'RSPrimary'), member('b', 'RSSecondary'));
  sees(3, member('a', 'Unknown'), member('b', 'RSSecondary'));
  sees(4, member('a', 'RSPrimary'), member('b', 'RSSecondary'));
  sees(5, { address: 'a', type: 'Standalone' });
  expect(primary.since(0)).toBe(false);
});

it('sees that another member took over, also where there was none in between', () => {
  const { primary, sees } = setup();
  sees(10, member('a', 'RSPrimary'), member('b', 'RSSecondary'));
  sees(20, member('a', 'Unknown'), member('b', 'RSSecondary'));
  sees(30, member('a', 'Unknown'), member('b', 'RSPrimary'));
  expect([primary.since(20), primary.since(30), primary.since(31)]).toEqual([true, true, false]);
});

it('sees that the same member was elected again', () => {
  const { primary, sees } = setup();
  sees(10, member('a', 'RSPrimary', new ObjectId()));
  sees(20, member('a', 'RSPrimary', new ObjectId()));
  expect(primary.since(20)).toBe(true);
});
