import { createHmac, timingSafeEqual } from 'node:crypto';
import { ChatError } from '@confab/contracts';

/** Words that a link carries in its query, besides `expires` and `signature`. */
export type LinkFields = Record<string, string>;

export interface LinkSigner {
  /** A query string that says `fields` until `expiresAt`, and that only the holder of the key can make. `purpose` is signed and not shown. */
  sign(purpose: string, fields: LinkFields, expiresAt: Date): string;
  /**
   * @returns the fields
   * @throws ChatError MEDIA_LINK_INVALID (altered, or made for another purpose), MEDIA_LINK_EXPIRED
   */
  verify(purpose: string, query: Record<string, unknown>): { fields: LinkFields; expiresAt: Date };
}

/** HMAC-SHA256 over purpose, names and values, each with its length, so that no two different links read alike. */
export function createLinkSigner(secret: string, now: () => number = Date.now): LinkSigner {
  const signatureOf = (purpose: string, entries: [string, string][]): Buffer => {
    const hmac = createHmac('sha256', secret);
    for (const part of [purpose, ...entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).flat()]) {
      hmac.update(`${Buffer.byteLength(part)}:${part}`);
    }
    return hmac.digest();
  };

  return {
    sign(purpose, fields, expiresAt) {
      const entries: [string, string][] = [...Object.entries(fields), ['expires', String(expiresAt.getTime())]];
      const signature = signatureOf(purpose, entries).toString('base64url');
      return new URLSearchParams([...entries, ['signature', signature]]).toString();
    },
    verify(purpose, query) {
      const { signature, ...rest } = query;
      const entries = Object.entries(rest);
      // a parameter that comes twice is an array: nothing that we sign
      if (typeof signature !== 'string' || entries.some(([, value]) => typeof value !== 'string')) {
        throw new ChatError('MEDIA_LINK_INVALID');
      }
      const expected = signatureOf(purpose, entries as [string, string][]);
      const given = Buffer.from(signature, 'base64url');
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new ChatError('MEDIA_LINK_INVALID');
      const { expires, ...fields } = Object.fromEntries(entries) as LinkFields;
      const expiresAt = new Date(Number(expires));
      if (!(expiresAt.getTime() > now())) throw new ChatError('MEDIA_LINK_EXPIRED');
      return { fields, expiresAt };
    },
  };
}
