import { createHash } from 'node:crypto';

/** What is signed: parameters of a request, without `file`, `cloud_name`, `resource_type`, `api_key` and the signature itself. */
export type SignedParameters = Record<string, string | number | boolean>;

/**
 * Cloudinary's published algorithm: the parameters sorted by name, as `name=value` joined with `&`, the API secret appended, hashed, in hexadecimal.
 * Source: "Generating authentication signatures" in Cloudinary's documentation. An `&` inside a value is escaped as `%26`, as their libraries do since
 * signature version 2, so that no value can pass for a further parameter.
 */
export function signParameters(
  parameters: SignedParameters,
  apiSecret: string,
  algorithm: 'sha1' | 'sha256' = 'sha1',
): string {
  const text = Object.entries(parameters)
    .filter(([, value]) => value !== '')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${String(value).replaceAll('&', '%26')}`)
    .join('&');
  return createHash(algorithm)
    .update(text + apiSecret)
    .digest('hex');
}
