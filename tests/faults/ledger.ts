import { writeFileSync } from 'node:fs';

/** `both`: over REST and a socket at once. */
export type SendWay = 'rest' | 'socket' | 'both' | 'sdk';

/** One message that a client wanted to send, and what it was told about it. */
export interface Attempt {
  clientMessageId: string;
  conversationId: string;
  senderId: string;
  way: SendWay;
  /** Unix time in milliseconds of the first try. */
  startedAt: number;
  /** Codes of the failed tries, in order. */
  errors: string[];
  acknowledged?: { messageId: string; seq: number; at: number };
}

/**
 * Everything that clients were promised: each 2xx and each ack. What is checked after a fault is checked against this, and
 * against nothing that the system itself keeps.
 */
export class Ledger {
  /** Two acks of one client id that named different messages: what must never happen. */
  readonly contradictions: string[] = [];
  readonly #attempts = new Map<string, Attempt>();

  begin(attempt: Omit<Attempt, 'errors' | 'startedAt'>): Attempt {
    const entry: Attempt = { ...attempt, errors: [], startedAt: Date.now() };
    this.#attempts.set(entry.clientMessageId, entry);
    return entry;
  }

  acknowledge(clientMessageId: string, message: { messageId: string; seq: number }): void {
    const attempt = this.#attempts.get(clientMessageId);
    if (!attempt) return void this.contradictions.push(`${clientMessageId} was acknowledged and never sent`);
    const former = attempt.acknowledged;
    if (!former) attempt.acknowledged = { ...message, at: Date.now() };
    else if (former.messageId !== message.messageId || former.seq !== message.seq) {
      this.contradictions.push(
        `${clientMessageId} was acknowledged as ${former.messageId} and as ${message.messageId}`,
      );
    }
  }

  failed(clientMessageId: string, code: string): void {
    this.#attempts.get(clientMessageId)?.errors.push(code);
  }

  get attempts(): Attempt[] {
    return [...this.#attempts.values()];
  }

  get acknowledged(): (Attempt & Required<Pick<Attempt, 'acknowledged'>>)[] {
    return this.attempts.filter((a): a is Attempt & Required<Pick<Attempt, 'acknowledged'>> => !!a.acknowledged);
  }

  get open(): Attempt[] {
    return this.attempts.filter((attempt) => !attempt.acknowledged);
  }

  /** Failed tries by code. */
  errorCounts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { errors } of this.#attempts.values()) {
      for (const code of errors) counts[code] = (counts[code] ?? 0) + 1;
    }
    return counts;
  }

  save(file: string): void {
    writeFileSync(file, this.attempts.map((attempt) => JSON.stringify(attempt)).join('\n'));
  }
}
