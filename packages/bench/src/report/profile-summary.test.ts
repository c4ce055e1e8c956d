import { expect, it } from 'vitest';
import { summariseProfile } from './profile-summary.ts';

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 9 });

it('says where the time went, idle time apart, and counts a recursive function once', () => {
  const { self, inclusive } = summariseProfile({
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2, 5] },
      { id: 2, callFrame: frame('send', 'file:///x/services/api/src/a.ts'), children: [3] },
      { id: 3, callFrame: frame('send', 'file:///x/services/api/src/a.ts'), children: [4] },
      { id: 4, callFrame: frame('write', 'file:///x/node_modules/ws/lib/b.js') },
      { id: 5, callFrame: frame('(idle)') },
    ],
    samples: [4, 3, 5, 2],
    timeDeltas: [60, 30, 1_000, 10],
  });
  expect(self).toEqual([
    { name: 'write ws/lib/b.js:10', share: 0.6 },
    { name: 'send services/api/src/a.ts:10', share: 0.4 },
  ]);
  expect(inclusive.find(({ name }) => name.startsWith('send'))?.share).toBe(1);
});
