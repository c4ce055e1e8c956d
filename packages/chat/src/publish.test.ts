import { expect, test } from 'vitest';
import { feedParticipants } from './publish.ts';

const people = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`);

test('the feed names the participants of small conversations, and counts those of large ones', () => {
  expect(feedParticipants(people(2))).toEqual({ participantCount: 2, participants: ['u0', 'u1'] });
  expect(feedParticipants(people(20)).participants).toHaveLength(20);
  expect(feedParticipants(people(21))).toEqual({ participantCount: 21 });
  expect(JSON.stringify(feedParticipants(people(1_000))).length).toBeLessThan(50);
});
