import type { Revocation, RevocationList } from '@confab/chat';

/** Revocations of one process. They end with it, like everything in memory. */
export class MemoryRevocationList implements RevocationList {
  readonly #users = new Map<string, number>();
  readonly #tokens = new Set<string>();
  readonly #handlers = new Set<(revocation: Revocation) => void>();

  async add(revocation: Revocation): Promise<void> {
    const { userId, tokenId, issuedBefore } = revocation;
    if (tokenId !== undefined) this.#tokens.add(tokenId);
    if (userId !== undefined) this.#users.set(userId, Math.max(issuedBefore, this.#users.get(userId) ?? 0));
    for (const handler of this.#handlers) handler(revocation);
  }

  isRevoked(token: { userId: string; tokenId?: string; issuedAt: number }): boolean {
    if (token.tokenId !== undefined && this.#tokens.has(token.tokenId)) return true;
    return token.issuedAt < (this.#users.get(token.userId) ?? 0);
  }

  onRevocation(handler: (revocation: Revocation) => void): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }
}
