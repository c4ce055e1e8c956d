import { describe, expect, it } from 'vitest';
import { cpuSeconds, parseAnonymousBytes, parseCpuSeconds, parseMachineTime, stolenShare } from './proc.ts';

const STAT = 'cpu  100 1 50 800 9 0 20 20 7 3\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 1 2\n';

describe('the time of the machine', () => {
  it('adds up what the processors did, without counting guests twice', () => {
    expect(parseMachineTime(STAT)).toEqual({ total: 1_000, stolen: 20 });
  });
  it('refuses what is not /proc/stat', () => {
    expect(() => parseMachineTime('cpu0 1 2')).toThrow('no line "cpu"');
    expect(() => parseMachineTime('cpu  1 2 three')).toThrow('not understood');
  });
  it('gives the stolen share of the time between two looks', () => {
    expect(stolenShare({ total: 1_000, stolen: 20 }, { total: 2_000, stolen: 70 })).toBe(0.05);
    expect(stolenShare({ total: 1_000, stolen: 20 }, { total: 1_000, stolen: 20 })).toBe(0);
  });
});

describe('the CPU seconds of a process', () => {
  const fields = (name: string) =>
    `42 (${name}) S 1 42 42 0 -1 4194304 100 0 0 0 250 150 9 9 20 0 11 0 480964 3133440 388`;
  it('adds user and system time', () => {
    expect(parseCpuSeconds(fields('node'))).toBe(4);
  });
  it('is not misled by a name with spaces and parentheses', () => {
    expect(parseCpuSeconds(fields('a) R 1 (b'))).toBe(4);
  });
  it('refuses what is not /proc/PID/stat', () => {
    expect(() => parseCpuSeconds('42 (node) S')).toThrow('not understood');
  });
  it('grows while a process works', async () => {
    const before = await cpuSeconds(process.pid);
    const until = performance.now() + 60;
    while (performance.now() < until) Math.sqrt(until);
    expect(await cpuSeconds(process.pid)).toBeGreaterThan(before);
  });
});

describe('the memory of a process', () => {
  it('is its anonymous part, in bytes', () => {
    expect(parseAnonymousBytes('VmRSS:\t    2092 kB\nRssAnon:\t     152 kB\nRssFile:\t    1940 kB\n')).toBe(
      152 * 1_024,
    );
  });
  it('refuses what is not /proc/PID/status', () => {
    expect(() => parseAnonymousBytes('VmRSS: 1 kB')).toThrow('RssAnon');
  });
});
