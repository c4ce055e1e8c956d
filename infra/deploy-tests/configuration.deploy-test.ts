import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiConfig, loadApiConfig } from '@confab/api';
import { GatewayConfig, loadGatewayConfig } from '@confab/gateway';
import { loadReceiptsConfig, ReceiptsConfig } from '@confab/receipts';
import { describeConfig } from '@confab/service-kit';
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

/**
 * Engines have `docker compose`; Debian has its predecessor, which knows the same file format, but for a default within a default. Those are
 * filled in here as `docker compose` does it.
 */
function compose(env: Record<string, string>, ...args: string[]) {
  const file = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  const input = file.replace(
    /(\$\{\w+:-[^${}]*)\$\{(\w+):-([^${}]*)\}/g,
    (_all, before: string, name: string, fallback: string) => `${before}${env[name] || fallback}`,
  );
  return runTool('docker-compose', ['-f', '-', ...args], { input, env: { PATH: process.env.PATH ?? '', ...env } });
}

/** The services of ours with their variables; both gateways have the same. */
const CONFIGS = {
  api: [ApiConfig, loadApiConfig],
  'gateway-1': [GatewayConfig, loadGatewayConfig],
  'gateway-2': [GatewayConfig, loadGatewayConfig],
  receipts: [ReceiptsConfig, loadReceiptsConfig],
} as const;
/** What the file or an image itself decides: names and addresses in the network, one each; and what is for tests of crashes. */
const FIXED = ['HOST', 'PORT', 'GATEWAY_ID', 'WORKER_NAME', 'API_URL', 'MEDIA_DIR', 'FAILPOINT'];

/** What a service would get in its environment. */
function environmentOf(service: string, env: Record<string, string>): Record<string, string> {
  const { stdout, stderr } = compose({ JWT_SECRET: 'a-secret-of-the-test', ...env }, 'config');
  const { services } = parse(stdout) as { services: Record<string, ComposeService> };
  const given = services[service]?.environment;
  if (!given) throw new Error(`no environment of ${service}: ${stderr}`);
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
}

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

  it.each(Object.entries(CONFIGS))('passes every variable of %s on', (name, [schema]) => {
    const chosen = describeConfig(schema).map((variable) => variable.name);
    const passed = chosen.filter((variable) => !FIXED.includes(variable));
    const given = environmentOf(name, Object.fromEntries(passed.map((variable) => [variable, `given-${variable}`])));
    expect(passed.filter((variable) => given[variable] !== `given-${variable}`)).toEqual([]);
  });

  it.each(Object.entries(CONFIGS))('leaves the defaults of %s where nothing is set', (name, [, load]) => {
    const secret = { JWT_SECRET: 'a-secret-of-the-test-with-32-characters' };
    const defaults = load(secret) as Record<string, unknown>;
    const own = [
      'PORT',
      'MONGODB_URL',
      'REDIS_URL',
      'CLIENT_URL',
      'TRUST_PROXY',
      'GATEWAY_ID',
      'API_URL',
      'MEDIA_PUBLIC_URL',
    ];
    const differ = Object.entries(load(environmentOf(name, secret)) as Record<string, unknown>)
      .filter(
        ([variable, value]) => !own.includes(variable) && JSON.stringify(value) !== JSON.stringify(defaults[variable]),
      )
      .map(([variable]) => variable);
    expect(differ).toEqual([]);
  });

  it('passes every variable on that the operations manual names', () => {
    const manual = readFileSync(join(root, 'docs/operations.md'), 'utf8');
    const known = Object.values(CONFIGS).flatMap(([schema]) => describeConfig(schema).map((variable) => variable.name));
    const named = [...new Set(manual.match(/\b[A-Z][A-Z0-9]*_[A-Z0-9_]*[A-Z0-9]\b/g))].filter((name) =>
      known.includes(name),
    );
    expect(named.length).toBeGreaterThan(10);
    const passed = services.flatMap(([, { environment }]) => Object.keys(environment ?? {}));
    expect(named.filter((name) => !passed.includes(name) && !FIXED.includes(name))).toEqual([]);
  });

  it('moves the page and its uploads with the port', () => {
    const secret = { JWT_SECRET: 'a-secret-of-the-test-with-32-characters' };
    const urls = (env: Record<string, string>) => {
      const { CLIENT_URL, MEDIA_PUBLIC_URL } = loadApiConfig(environmentOf('api', { ...secret, ...env }));
      return [...CLIENT_URL, MEDIA_PUBLIC_URL];
    };
    expect(urls({})).toEqual(['http://localhost:3100', 'http://localhost:3100']);
    expect(urls({ CONFAB_PORT: '8080' })).toEqual(['http://localhost:8080', 'http://localhost:8080']);
    const chosen = { CLIENT_URL: 'https://chat.example.com', MEDIA_PUBLIC_URL: 'https://media.example.com' };
    expect(urls({ CONFAB_PORT: '8080', ...chosen })).toEqual(Object.values(chosen));
  });

  it('takes a key in place of the secret', () => {
    const env = environmentOf('api', { JWT_SECRET: '', JWT_JWKS_URL: 'https://login.example.com/jwks.json' });
    expect(loadApiConfig(env)).toMatchObject({ JWT_JWKS_URL: 'https://login.example.com/jwks.json' });
    expect(() => loadApiConfig(environmentOf('api', { JWT_SECRET: '' }))).toThrow('JWT_SECRET is missing');
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
