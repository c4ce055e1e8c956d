import { loadApiConfig } from '@confab/api';
import { GatewayConfig, loadGatewayConfig } from '@confab/gateway';
import { describe, expect, it } from 'vitest';
import { hasOwnKey, splitEnvironment } from './split-environment.ts';

describe('splitEnvironment', () => {
  it('passes on what a service knows, and nothing else of the environment', () => {
    const ours = { KEY_PREFIX: 'other', INBOX_LENGTH: '200', JWT_ALGORITHMS: 'RS256', OTEL_TRACES_SAMPLER_ARG: '0.5' };
    const passed = splitEnvironment({ ...ours, HOME: '/root', NODE_OPTIONS: '--inspect', MAX_OF_SOMEBODY: '1' });
    expect(passed).toEqual({ ...ours, TRUST_PROXY: '127.0.0.0/8,::1' });
  });

  it('keeps what the launcher decides itself', () => {
    const own = { HOST: '0.0.0.0', PORT: '80', GATEWAY_ID: 'one-for-all', REDIS_URL: 'redis://a', JWT_SECRET: 'x' };
    expect(Object.keys(splitEnvironment(own))).toEqual(['TRUST_PROXY']);
  });

  it('passes every variable of a gateway on but its name, its addresses, and the secret', () => {
    const names = Object.keys(GatewayConfig.properties);
    const passed = Object.keys(splitEnvironment(Object.fromEntries(names.map((name) => [name, 'given']))));
    const kept = names.filter((name) => !passed.includes(name));
    expect(kept.sort()).toEqual(['API_URL', 'GATEWAY_ID', 'HOST', 'JWT_SECRET', 'PORT', 'REDIS_URL']);
  });

  it('trusts the edge beside the proxies that are given', () => {
    expect(splitEnvironment({ TRUST_PROXY: '10.0.0.0/8' }).TRUST_PROXY).toBe('127.0.0.0/8,::1,10.0.0.0/8');
  });

  it('is taken by the services with a key set in place of a secret', () => {
    const env = { JWT_JWKS_URL: 'https://login.example.com/jwks.json', JWT_SECRET: '' };
    expect(hasOwnKey(env)).toBe(true);
    for (const load of [loadApiConfig, loadGatewayConfig])
      expect(load({ ...splitEnvironment(env), JWT_SECRET: '' })).toMatchObject({ JWT_JWKS_URL: env.JWT_JWKS_URL });
  });
});
