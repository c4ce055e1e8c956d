import { describe, expect, it } from 'vitest';
import { tokenOf } from './testing/records.ts';
import { subjectOf, TokenSource } from './token-source.ts';

describe('token source', () => {
  it('asks again only for a refused token, and shares one call', async () => {
    let calls = 0;
    const tokens = new TokenSource(async (refused) => `t${++calls}${refused ? ` after ${refused}` : ''}`);
    expect(await Promise.all([tokens.get(), tokens.get()])).toEqual(['t1', 't1']);
    expect(await tokens.get()).toBe('t1');
    expect(tokens.refuse('t1')).toBe(true);
    expect(await tokens.get()).toBe('t2 after t1');
  });

  it('has nothing to offer after its only token was refused', async () => {
    const tokens = new TokenSource('t');
    expect(tokens.refuse('t')).toBe(false);
    await expect(tokens.get()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('takes a failing token function for a lost network, not for a refusal', async () => {
    const tokens = new TokenSource(() => Promise.reject(new TypeError('fetch failed')));
    await expect(tokens.get()).rejects.toMatchObject({ code: 'OFFLINE', retryable: true });
  });
});

describe('subject of a token', () => {
  it('is read with any characters', () => {
    for (const id of ['42', 'zoë', '用户-1', '😀'.repeat(5)]) expect(subjectOf(tokenOf(id))).toBe(id);
  });

  it('is refused where there is none', () => {
    for (const token of ['', 'a.b', 'e30.e30.x', 'x.!!.y']) expect(() => subjectOf(token)).toThrow('not a JWT');
  });
});
