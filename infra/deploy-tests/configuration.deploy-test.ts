import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { alerts, namesIn } from './metric-names.ts';
import { root, runTool } from './tools.ts';

interface ComposeService {
  image: string;
  user?: string;
  read_only?: boolean;
  init?: boolean;
  cap_drop?: string[];
  ports?: string[];
  profiles?: string[];
  healthcheck?: object;
  build?: { dockerfile: string };
  environment?: Record<string, string>;
  networks: Record<string, unknown> | string[];
  volumes?: string[];
}

/** Engines have `docker compose`; Debian has its predecessor, which knows the same file format. */
const compose = (env: Record<string, string>, ...args: string[]) =>
  runTool('docker-compose', ['-f', 'docker-compose.yml', ...args], { env: { PATH: process.env.PATH ?? '', ...env } });

describe('docker-compose.yml', () => {
  const outcome = compose({ JWT_SECRET: 'a-secret-of-the-test' }, 'config');
  const config = parse(outcome.stdout) as {
    services: Record<string, ComposeService>;
    networks: Record<string, { internal?: boolean }>;
  };
  const services = Object.entries(config?.services ?? {});

  it('is valid, and has every part of the system', () => {
    expect(outcome.stderr).toBe('');
    expect(services.map(([name]) => name).sort()).toEqual(
      [
        'api',
        'edge',
        'gateway-1',
        'gateway-2',
        'grafana',
        'mongo-1',
        'mongo-2',
        'mongo-3',
        'mongo-init',
        'prometheus',
        'receipts',
        'redis',
        'web',
      ].sort(),
    );
  });

  it('does not start without a secret, and says what to do', () => {
    const { status, stderr } = compose({}, 'config');
    expect(status).not.toBe(0);
    expect(stderr).toContain('put JWT_SECRET into .env, at least 32 random characters');
  });

  it.each(services)(
    '%s runs read-only, without capabilities, with an init, in a version, not as root',
    (_name, service) => {
      expect(service).toMatchObject({ read_only: true, init: true, cap_drop: ['ALL'] });
      expect(service.image).toMatch(/:v?\d+\.\d+/);
      const dockerfile = service.build && readFileSync(join(root, service.build.dockerfile), 'utf8');
      const user = service.user ?? /^USER (\S+)$/m.exec(dockerfile ?? '')?.[1] ?? '0';
      expect(Number(user.split(':')[0])).toBeGreaterThan(0);
    },
  );

  it('shows the edge alone to others; stores have no way out', () => {
    const open = services.filter(([, { ports = [] }]) => ports.some((port) => !String(port).startsWith('127.0.0.1:')));
    expect(open.map(([name]) => name)).toEqual(['edge']);
    expect(config.networks.data?.internal).toBe(true);
    for (const [name, { networks }] of services) {
      if (/^(mongo|redis)/.test(name))
        expect(Object.keys(networks).concat(networks as string[])).not.toContain('front');
    }
  });

  it('gives uploads on the disk one volume, which every api and the worker see, and nobody else', () => {
    const mounts = services.filter(([, { volumes = [] }]) => volumes.some((volume) => /media/.test(volume)));
    expect(mounts.map(([name]) => name)).toEqual(['api', 'receipts']);
    const local = compose({ JWT_SECRET: 'x', MEDIA_PROVIDER: 'local', MEDIA_SECRET: 'm' }, 'config');
    const { services: given } = parse(local.stdout) as typeof config;
    for (const name of ['api', 'receipts']) {
      expect(config.services[name]?.volumes).toEqual(['media:/var/lib/confab/media:rw']);
      expect(given[name]?.environment).toMatchObject({ MEDIA_PROVIDER: 'local', MEDIA_SECRET: 'm' });
      expect(readFileSync(join(root, `services/${name}/Dockerfile`), 'utf8')).toContain(
        'MEDIA_DIR=/var/lib/confab/media',
      );
    }
    expect(given['gateway-1']?.environment).not.toHaveProperty('MEDIA_SECRET');
  });

  it('asks for metrics of the images only where they were asked for', () => {
    for (const name of ['prometheus', 'grafana']) expect(config.services[name]?.profiles).toEqual(['observability']);
  });

  it('takes the versions of the stores that the tests take', () => {
    const testkit = readFileSync(join(root, 'packages/testkit/src/stores.ts'), 'utf8');
    for (const name of ['mongo-1', 'redis']) expect(testkit).toContain(`'${config.services[name]?.image}'`);
  });
});

describe('alerts', () => {
  it('are rules that Prometheus takes, and fire when they should', () => {
    for (const args of [
      ['check', 'rules', 'infra/prometheus/alerts.yml'],
      ['check', 'config', 'infra/prometheus/prometheus.yml'],
      ['test', 'rules', 'infra/prometheus/alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = runTool('promtool', args);
      expect(status, stdout + stderr).toBe(0);
    }
  });

  it.each(alerts())('$name has an entry in the runbooks', ({ name, runbook }) => {
    const runbooks = readFileSync(join(root, 'docs/runbooks.md'), 'utf8');
    expect(runbook).toBe(`docs/runbooks.md#${name.toLowerCase()}`);
    expect(runbooks).toContain(`\n## ${name}\n`);
  });

  it('are read for their metrics as Prometheus reads them', () => {
    const expression =
      'histogram_quantile(0.99, sum by (le, job) (rate(a_bucket{x=~"b|c"}[5m]))) / on (job) d:e > 1 or max(f)';
    expect(namesIn([expression])).toEqual(['a_bucket', 'd:e', 'f']);
  });
});
