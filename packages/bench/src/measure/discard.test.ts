import { describe, expect, it } from 'vitest';
import { MAX_LATE_MS, MAX_STOLEN, whyDiscarded } from './discard.ts';

const good = { value: 1, cpu: {}, wallMs: 1_000, stolen: 0, lateMs: 0 };

describe('a measurement is discarded', () => {
  it('not while the machine is ours and the generator on time', () => {
    expect(whyDiscarded(good)).toBeUndefined();
    expect(whyDiscarded({ ...good, stolen: MAX_STOLEN, lateMs: MAX_LATE_MS })).toBeUndefined();
  });
  it('when more than 4% of the CPU was stolen', () => {
    expect(whyDiscarded({ ...good, stolen: 0.041 })).toBe('4.1% of the CPU was stolen');
  });
  it('when the generator was late', () => {
    expect(whyDiscarded({ ...good, lateMs: 80 })).toBe('the generator was 80 ms late');
  });
  it('when there is no value; an endless one is a result', () => {
    expect(whyDiscarded({ ...good, value: Number.NaN })).toBe('nothing was measured');
    expect(whyDiscarded({ ...good, value: Number.POSITIVE_INFINITY })).toBeUndefined();
  });
});
