import { createSigner } from 'fast-jwt';

/**
 * A token as an application's login would give it: HS256, valid for one hour.
 * @param claims are put over the defaults; `undefined` removes a claim, so that tests can leave out `exp` or `sub`
 */
export function mintToken(secret: string, claims: Record<string, unknown>): string {
  const now = Math.floor(Date.now() / 1000);
  const payload = Object.fromEntries(
    Object.entries({ iat: now, exp: now + 3_600, ...claims }).filter(([, value]) => value !== undefined),
  );
  const noTimestamp = !('iat' in payload);
  return createSigner({ key: secret, algorithm: 'HS256', noTimestamp })(payload);
}
