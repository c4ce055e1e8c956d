interface Stay {
  from: number;
  /** Infinite while it lasts. */
  to: number;
}

/** An event that named a conversation. */
export interface Named {
  at: number;
  userId: string;
  conversationId: string;
  event: string;
  /** When the same socket was told that its user is out of the conversation, if that was the last news of it. */
  toldAt?: number | undefined;
}

/** Bounds of what may reach somebody who is out already, in milliseconds. */
export interface Tolerance {
  /** What was done while they were a member, and came behind the news that they are out. Typing has none: the gateway that told them stops it. */
  afterNewsMs: number;
  /** From the answer to the removal until the news of it, at most. */
  newsMs: number;
}

/**
 * Who was in which conversation when, as the answers to membership calls say. A stay begins with the request that led to it and ends
 * with the answer that ended it: between the two either is right.
 */
export class MembershipLedger {
  readonly #stays = new Map<string, Stay[]>();
  readonly named: Named[] = [];

  /** These are the members after a call that began at `since`. */
  members(conversationId: string, userIds: readonly string[], since: number): void {
    for (const userId of userIds) {
      const stays = this.#of(conversationId, userId);
      if (stays.at(-1)?.to !== Number.POSITIVE_INFINITY) stays.push({ from: since, to: Number.POSITIVE_INFINITY });
    }
  }

  left(conversationId: string, userId: string, at: number): void {
    const last = this.#of(conversationId, userId).at(-1);
    if (last) last.to = Math.min(last.to, at);
  }

  /** @param graceMs that an event may take on its way */
  wasIn(conversationId: string, userId: string, at: number, graceMs: number): boolean {
    return this.#of(conversationId, userId).some(({ from, to }) => from <= at && at <= to + graceMs);
  }

  /**
   * Events that reached somebody who was not in the conversation at that time. What is late is measured from the news on the same socket, which waited
   * in the same queues, and not from an answer that came another way: a busy machine, or a busy suite, delays both alike.
   */
  violations({ afterNewsMs, newsMs }: Tolerance): Named[] {
    return this.named.filter(({ conversationId, userId, at, event, toldAt }) => {
      if (this.wasIn(conversationId, userId, at, 0)) return false;
      if (toldAt === undefined) return !this.wasIn(conversationId, userId, at, newsMs);
      return event.startsWith('typing:') || at - toldAt > afterNewsMs;
    });
  }

  /** What is known of the user in the conversation, for who looks into a violation. Milliseconds before and after `at`. */
  history({ conversationId, userId, at, toldAt }: Named): string {
    const stays = this.#of(conversationId, userId);
    if (stays.length === 0) return 'was never in it';
    const told =
      toldAt === undefined ? 'was not told that they are out' : `was told so at ${Math.round(toldAt - at)} ms`;
    const spans = stays.map(({ from, to }) => `from ${Math.round(from - at)} to ${Math.round(to - at)} ms`);
    return `was in it ${spans.join(', ')}, and ${told}`;
  }

  /** Conversations that the user was never in. */
  neverIn(userId: string, conversationIds: readonly string[]): string[] {
    return conversationIds.filter((id) => this.#of(id, userId).length === 0);
  }

  #of(conversationId: string, userId: string): Stay[] {
    const key = `${conversationId} ${userId}`;
    const stays = this.#stays.get(key) ?? [];
    this.#stays.set(key, stays);
    return stays;
  }
}
