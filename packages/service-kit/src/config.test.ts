import Type from 'typebox';
import { describe, expect, it } from 'vitest';
import { ConfigError, configTable, describeConfig, envExample, loadConfig } from './config.ts';
import { corsVariables, httpVariables, logVariables, proxyVariables, redisVariables } from './config-fragments.ts';
import { checkJwt, jwtVariables } from './jwt-config.ts';

const schema = Type.Object({
  ...logVariables,
  ...httpVariables(3100),
  ...redisVariables,
  ...corsVariables,
  ...proxyVariables,
  ...jwtVariables,
});
const SECRET = 'a-secret-of-more-than-thirty-two-characters';

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(schema, env, [checkJwt]);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('takes defaults for what is absent or empty, and ignores what it does not know', () => {
    const config = loadConfig(schema, { JWT_SECRET: SECRET, PORT: '', UNKNOWN: 'x' }, [checkJwt]);
    expect(config).toMatchObject({ PORT: 3100, LOG_LEVEL: 'info', REDIS_CLUSTER: false, TRUST_PROXY: [] });
    expect(config).not.toHaveProperty('UNKNOWN');
    expect(config.JWT_PUBLIC_KEY).toBeUndefined();
  });

  it('turns text into numbers, booleans and lists', () => {
    const env = {
      JWT_SECRET: SECRET,
      PORT: '8080',
      REDIS_CLUSTER: 'yes',
      CLIENT_URL: 'https://a.example, https://b.example:8443',
    };
    expect(loadConfig(schema, env)).toMatchObject({
      PORT: 8080,
      REDIS_CLUSTER: true,
      CLIENT_URL: ['https://a.example', 'https://b.example:8443'],
    });
  });

  it('does not share a default list between two loads', () => {
    const first = loadConfig(schema, { JWT_SECRET: SECRET });
    first.CLIENT_URL.push('https://evil.example');
    expect(loadConfig(schema, { JWT_SECRET: SECRET }).CLIENT_URL).toEqual(['http://localhost:3000']);
  });

  it('lists every bad variable by name, with the fix', () => {
    expect(problemsOf({ PORT: 'eighty', LOG_LEVEL: 'loud', REDIS_CLUSTER: 'perhaps', JWT_SECRET: 'short' })).toEqual([
      'LOG_LEVEL is not valid: set it to the least severe log level that is written (one of trace, debug, info, warn, error, fatal, silent), for example info',
      'PORT is not valid: set it to the port that the service listens on; 0 takes a free one (a whole number from 0 to 65535), for example 3100',
      'REDIS_CLUSTER is not valid: set it to whether REDIS_URL names a node of a Redis Cluster (true or false), for example false',
      'JWT_SECRET is not valid: set it to the secret your application signs tokens with (at least 32 characters, for example from "openssl rand -hex 32")',
    ]);
  });

  it('refuses the published example of a secret, which anyone may know', () => {
    const published = 'a-long-random-string-of-at-least-32-characters';
    for (const secret of [published, ` ${published} `]) {
      expect(problemsOf({ JWT_SECRET: secret })).toEqual([
        expect.stringMatching(/^JWT_SECRET is not valid: it is an example that is published.*openssl rand -hex 32/),
      ]);
    }
  });

  it('says which secret is missing, and what may stand in its place', () => {
    expect(problemsOf({})).toEqual([
      'JWT_SECRET is missing: set it to the secret your application signs tokens with (at least 32 characters), or set JWT_PUBLIC_KEY or JWT_JWKS_URL instead',
    ]);
  });

  it('never repeats a value', () => {
    const problems = problemsOf({ JWT_SECRET: 'hunter2', REDIS_URL: 'http://user:hunter2@host' });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('hunter2');
  });

  it.each(['*', 'example.com', 'https://a.example/path', 'https://user@a.example', 'ftp://a.example'])(
    'refuses %s as an origin',
    (origin) => {
      expect(problemsOf({ JWT_SECRET: SECRET, CLIENT_URL: origin }).join()).toContain('CLIENT_URL is not valid');
    },
  );
});

describe('checkJwt', () => {
  it.each([
    [{ JWT_SECRET: SECRET, JWT_JWKS_URL: 'https://a.example/keys' }, 'JWT_SECRET and JWT_JWKS_URL are both set'],
    [{ JWT_SECRET: SECRET, JWT_ALGORITHMS: 'RS256' }, 'JWT_ALGORITHMS is not valid: RS256'],
    [{ JWT_JWKS_URL: 'https://a.example/keys', JWT_ALGORITHMS: 'RS256,HS256' }, 'JWT_ALGORITHMS is not valid: HS256'],
    [{ JWT_SECRET: `-----BEGIN PUBLIC KEY-----${SECRET}` }, 'put a public key into JWT_PUBLIC_KEY'],
    [{ JWT_PUBLIC_KEY: '-----BEGIN PUBLIC KEY-----nonsense' }, 'JWT_PUBLIC_KEY is not valid'],
    [{ JWT_SECRET: SECRET, JWT_ALGORITHMS: 'none' }, 'JWT_ALGORITHMS is not valid'],
  ])('refuses %j', (env, message) => {
    expect(problemsOf(env as unknown as Record<string, string>).join()).toContain(message);
  });
});

describe('documentation', () => {
  const variables = describeConfig(schema);

  it('describes every variable, each with a description and an example', () => {
    expect(variables.map((v) => v.name)).toEqual(Object.keys(schema.properties));
    expect(variables.filter((v) => !v.description || v.example === undefined)).toEqual([]);
  });

  it('makes an .env.example whose uncommented lines are the required variables', () => {
    const required = Type.Object({ ...logVariables, A: Type.String({ description: 'the thing', examples: ['x'] }) });
    const lines = envExample(describeConfig(required)).split('\n');
    expect(lines).toContain('# LOG_LEVEL=info');
    expect(lines).toContain('A=x');
  });

  it('shows no secret that someone could take as it is', () => {
    const secret = Type.String({ description: 'the secret', writeOnly: true, minLength: 8, examples: ['published'] });
    const described = describeConfig(Type.Object({ A: secret, B: Type.Optional(secret) }));
    expect(envExample(described).split('\n')).toEqual(expect.arrayContaining(['A=', '# B=']));
    expect(envExample(described) + configTable(described)).not.toContain('published');
  });

  it('makes a table row per variable', () => {
    expect(configTable(variables).split('\n')).toHaveLength(variables.length + 2);
    expect(configTable(variables)).toContain('| `PORT` | the port that the service listens on; 0 takes a free one');
  });
});
