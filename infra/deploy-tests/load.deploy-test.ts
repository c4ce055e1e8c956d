import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@confab/testkit';
import { describe, expect, it } from 'vitest';
import { readOptions } from '../load/options.ts';
import type { LoadReport } from '../load/report.ts';
import { runTool } from './tools.ts';

const load = (...args: string[]) =>
  runTool('node', ['--conditions=confab-source', 'infra/load/main.ts', ...args], {
    env: { PATH: process.env.PATH ?? '' },
  });

describe('the load test of the gateway alone', () => {
  it('loads a gateway with no api and no MongoDB, loses nothing, and leaves figures and a chart', async () => {
    const folder = await tempDir('load');
    const run = load(
      '--local',
      '--sockets',
      '50',
      '--rate',
      '100',
      '--payload',
      '300',
      '--duration',
      '3',
      '--out',
      folder.path,
    );
    expect(run.status, run.stdout + run.stderr).toBe(0);
    const files = readdirSync(folder.path);
    const json = files.find((name) => name.endsWith('.json')) ?? '';
    const report = JSON.parse(readFileSync(join(folder.path, json), 'utf8')) as LoadReport;
    expect(report.sockets).toMatchObject({ wanted: 50, connected: 50, ended: {} });
    expect(report.events.published).toBeGreaterThan(200);
    expect(report.events).toMatchObject({ delivered: report.events.published, lost: 0, failed: 0 });
    expect(report.latencyMs.percentiles.p99).toBeGreaterThan(0);
    expect(report.server?.memoryBytes).toBeGreaterThan(1e7);
    expect(JSON.stringify(report)).not.toContain('secret');
    const chart = readFileSync(join(folder.path, json.replace('.json', '.svg')), 'utf8');
    expect(chart.match(/<polyline/g)).toHaveLength(2);
    await folder.remove();
  });

  it('says which gateway it could not reach, and how it is used', () => {
    const { status, stderr } = load('--url', 'http://127.0.0.1:9', '--secret', 'x'.repeat(40), '--sockets', '1');
    expect(status).toBe(1);
    expect(stderr).toContain('no socket connected');
    expect(stderr).toContain('npm run load:gateway');
  });

  it.each([
    [['--sockets', '0', '--local'], '--sockets is not valid: a whole number, at least 1'],
    [['--rate', 'fast', '--local'], '--rate is not valid'],
    [[], '--secret is missing'],
  ])('refuses %j', (args, message) => {
    expect(() => readOptions(args, {})).toThrow(message);
  });
});
