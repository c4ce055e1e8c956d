import type { Revocation, RevocationList } from '@confab/chat';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { uniqueUser } from './fixtures.ts';

export interface ObservableRevocations extends RevocationList {
  onRevocation(handler: (revocation: Revocation) => void): () => void;
}

export interface RevocationsBackend {
  /** Two processes; the same one twice where there is only one. */
  here: ObservableRevocations;
  elsewhere: ObservableRevocations;
  close(): Promise<void>;
}

/** What every RevocationList must do. */
export function revocationsContract(name: string, open: () => Promise<RevocationsBackend>): void {
  describe(`revocations on ${name}`, () => {
    let backend: RevocationsBackend;
    beforeAll(async () => {
      backend = await open();
    });
    afterAll(() => backend.close());

    test('refuses tokens of the user issued before, and not those issued from then on', async () => {
      const userId = uniqueUser('u');
      await backend.here.add({ userId, issuedBefore: 1_000 });
      expect(backend.here.isRevoked({ userId, issuedAt: 999 })).toBe(true);
      expect(backend.here.isRevoked({ userId, issuedAt: 1_000 })).toBe(false);
      expect(backend.here.isRevoked({ userId: uniqueUser('other'), issuedAt: 1 })).toBe(false);
    });

    test('refuses one token by its id, whoever it is of', async () => {
      const tokenId = uniqueUser('jti');
      await backend.here.add({ tokenId, issuedBefore: 1_000 });
      expect(backend.here.isRevoked({ userId: 'anyone', tokenId, issuedAt: 5_000 })).toBe(true);
      expect(backend.here.isRevoked({ userId: 'anyone', tokenId: uniqueUser('jti'), issuedAt: 5 })).toBe(false);
      expect(backend.here.isRevoked({ userId: 'anyone', issuedAt: 5 })).toBe(false);
    });

    test('an earlier revocation does not undo a later one', async () => {
      const userId = uniqueUser('u');
      await backend.here.add({ userId, issuedBefore: 2_000 });
      await backend.here.add({ userId, issuedBefore: 1_000 });
      expect(backend.here.isRevoked({ userId, issuedAt: 1_500 })).toBe(true);
      await eventually(() => expect(backend.elsewhere.isRevoked({ userId, issuedAt: 1_500 })).toBe(true));
    });

    test('reaches the other processes within a second, and tells who listens', async () => {
      const [userId, heard] = [uniqueUser('u'), [] as Revocation[]];
      const stop = backend.elsewhere.onRevocation((revocation) => void heard.push(revocation));
      await backend.here.add({ userId, issuedBefore: 1_000 });
      await eventually(() => expect(backend.elsewhere.isRevoked({ userId, issuedAt: 1 })).toBe(true), 1_000);
      await eventually(() => expect(heard).toContainEqual({ userId, issuedBefore: 1_000 }), 1_000);
      stop();
    });
  });
}
