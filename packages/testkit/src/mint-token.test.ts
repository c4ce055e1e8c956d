import { createVerifier } from 'fast-jwt';
import { expect, test } from 'vitest';
import { mintToken } from './mint-token.ts';

test('mints a token of one hour that the secret verifies', () => {
  const secret = 'a-secret-of-32-characters-at-least';
  const claims = createVerifier({ key: secret })(mintToken(secret, { sub: 'alice' }));
  expect(claims).toMatchObject({ sub: 'alice' });
  expect(claims.exp - claims.iat).toBe(3_600);
});

test('leaves out a claim that is undefined', () => {
  const secret = 'a-secret-of-32-characters-at-least';
  const claims = createVerifier({ key: secret })(mintToken(secret, { sub: 'alice', exp: undefined }));
  expect(claims).not.toHaveProperty('exp');
});
