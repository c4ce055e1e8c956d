import { expect, test } from 'vitest';
import { brokenFloors } from './dependency-floors.mjs';

const workspace =
  'packages:\n  - a\noverrides:\n  ws: ">=8.23.0 <9" # why\n  socket.io-parser: ">=4.2.7 <5"\nother:\n  x: ">=9.0.0"\n';
const lockfile = (ws: string) =>
  `packages:\n\n  socket.io-parser@4.2.10:\n    x: y\n\n  ws@${ws}:\n    x: y\n\nsnapshots:\n  ws@1.0.0: {}\n`;

test('a locked version at or above its floor passes', () => {
  expect(brokenFloors(workspace, lockfile('8.23.0'))).toEqual([]);
  expect(brokenFloors(workspace, lockfile('8.100.0'))).toEqual([]);
});

test('a version below its floor, and a floor that nothing is under, are named', () => {
  expect(brokenFloors(workspace, lockfile('8.9.9'))).toEqual(['ws is locked at 8.9.9, below its floor 8.23.0']);
  expect(brokenFloors(workspace, 'packages:\n\n  ws@8.23.0:\n')).toEqual([
    'socket.io-parser has a floor and is not in the lockfile: remove the override',
  ]);
  expect(brokenFloors('packages:\n', '')).toHaveLength(1);
});

test('the project itself holds them', () => {
  expect(brokenFloors()).toEqual([]);
});
