import { describe, expect, it } from 'vitest';
import { ManualEnvironment } from './testing/manual-environment.ts';
import { TypingReceiver, TypingSender } from './typing.ts';

describe('typing out', () => {
  it('turns a keystroke every 100 ms into a start every 3 s and one stop', async () => {
    const environment = new ManualEnvironment();
    const told: string[] = [];
    const sender = new TypingSender(environment, (event) => told.push(event) > 0);
    for (let stroke = 0; stroke < 70; stroke++) {
      sender.keystroke('c');
      await environment.advance(100);
    }
    await environment.advance(10_000);
    expect(told).toEqual(['typing:start', 'typing:start', 'typing:start', 'typing:stop']);
  });

  it('stops at once when told to, and once only', () => {
    const told: string[] = [];
    const sender = new TypingSender(new ManualEnvironment(), (event) => told.push(event) > 0);
    sender.keystroke('c');
    sender.stop('c');
    sender.stop('c');
    expect(told).toEqual(['typing:start', 'typing:stop']);
  });
});

describe('typing out over a lost connection', () => {
  function setUp() {
    const environment = new ManualEnvironment();
    const told: string[] = [];
    const connection = { up: true };
    const sender = new TypingSender(environment, (event) => connection.up && told.push(event) > 0);
    return { environment, told, connection, sender };
  }

  it('tells the start again on the next connection, at the first keystroke', () => {
    const { told, connection, sender } = setUp();
    sender.keystroke('c');
    connection.up = false;
    sender.clear();
    sender.keystroke('c');
    connection.up = true;
    sender.keystroke('c');
    sender.keystroke('c');
    expect(told).toEqual(['typing:start', 'typing:start']);
  });

  it('tells no end of what nobody was told of since', async () => {
    const { environment, told, sender } = setUp();
    sender.keystroke('c');
    sender.clear();
    await environment.advance(10_000);
    expect(told).toEqual(['typing:start']);
  });
});

describe('typing in', () => {
  it('changes nothing for a repeated start, and forgets one that never ends', async () => {
    const environment = new ManualEnvironment();
    let changes = 0;
    const receiver = new TypingReceiver(environment, () => changes++);
    receiver.start('c', 'ben');
    await environment.advance(3_000);
    receiver.start('c', 'ben');
    await environment.advance(6_000);
    expect([receiver.in('c'), changes]).toEqual([['ben'], 1]);
    await environment.advance(1_000);
    expect([receiver.in('c'), changes]).toEqual([[], 2]);
  });
});
