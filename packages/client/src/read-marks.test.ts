import { describe, expect, it } from 'vitest';
import { ConfabError } from './error.ts';
import { ReadMarks } from './read-marks.ts';
import { ManualEnvironment } from './testing/manual-environment.ts';

describe('read marks', () => {
  it('tells the newest of many reads in one call', async () => {
    const environment = new ManualEnvironment();
    const told: string[] = [];
    const marks = new ReadMarks(environment, async (_, id) => void told.push(id));
    marks.open();
    for (const seq of [1, 5, 3]) marks.add('c', { messageId: `m${seq}`, seq });
    await environment.advance(1_000);
    expect(told).toEqual(['m5']);
  });

  it('keeps reads while offline, and those that failed', async () => {
    const environment = new ManualEnvironment();
    const told: string[] = [];
    let down = true;
    const marks = new ReadMarks(environment, async (_, id) => {
      if (down) throw new ConfabError('UNAVAILABLE', 'down');
      told.push(id);
    });
    marks.add('c', { messageId: 'm1', seq: 1 });
    await environment.advance(5_000);
    marks.open();
    await environment.advance(700);
    down = false;
    await environment.advance(5_000);
    expect(told).toEqual(['m1']);
  });

  it('tells with the next token what met one that had run out', async () => {
    const environment = new ManualEnvironment();
    const told: string[] = [];
    let code: 'TOKEN_EXPIRED' | undefined = 'TOKEN_EXPIRED';
    const marks = new ReadMarks(environment, async (_, id) => {
      if (code) throw new ConfabError(code, 'expired');
      told.push(id);
    });
    marks.open();
    marks.add('c', { messageId: 'm1', seq: 1 });
    await environment.advance(600);
    marks.close();
    code = undefined;
    marks.open();
    await environment.advance(600);
    expect(told).toEqual(['m1']);
  });

  it('does not insist on what was refused for good', async () => {
    const environment = new ManualEnvironment();
    let calls = 0;
    const marks = new ReadMarks(environment, async () => {
      calls += 1;
      throw new ConfabError('NOT_FOUND', 'left');
    });
    marks.open();
    marks.add('c', { messageId: 'm1', seq: 1 });
    await environment.advance(60_000);
    expect(calls).toBe(1);
  });
});
