import { type ConversationRepository, gather, type SeqTaken } from '@confab/chat';
import type { Collections } from './collections.ts';
import { oid } from './documents.ts';
import { guarded, isUnknownResult } from './failures.ts';
import { type SeqRequest, type Take, takeForecast, takeFrom, takingOf } from './forecast-takes.ts';
import { SeqForecasts } from './seq-forecasts.ts';
import { SeqTurns } from './seq-turns.ts';

/*
 * Taking a number is acknowledged by the primary alone: the insert of the message that follows asks for the majority, and a majority that has the
 * insert has everything that the same primary wrote before it. Where the insert may have gone to another one, message-inserts raises the seq
 * afterwards. A failover behind a mongos is seen only if it failed a try of the insert.
 */
const PRIMARY_ONLY = { writeConcern: { w: 1 } } as const;

/** Sends of one command. Source: as inserts, whose texts the previews repeat. */
const AT_A_TIME = 100;
/** Commands under way for which further sends wait, and milliseconds that they wait at most. Source: as inserts. */
const UNDER_WAY = 2;
const PATIENCE_MS = 10;

/** A request with who waits for it. */
interface Pending extends SeqRequest {
  /** Where it takes its turn: in the conversation; somebody who takes no part in it, as far as is known, by themselves. */
  queue: string;
  ticket: number;
  resolve(taken: SeqTaken | null): void;
  reject(error: unknown): void;
}

/**
 * Takes seqs. Where this process knows a conversation's seq and participants, sends that come together take theirs by one command for all
 * conversations, each on the condition that it is still so. Where it does not, or it was not so, they take theirs by one command for each conversation.
 * In one conversation there is one command under way at a time: seqs are in the order of the calls, but for senders who turn out to take no part.
 * @throws ChatError UNAVAILABLE
 */
export function createSeqTaking(collections: Collections): ConversationRepository['takeSeq'] {
  const taking = new SeqTaking(collections);
  return (conversationId, senderId, preview) => guarded(() => taking.take({ conversationId, senderId, preview }));
}

class SeqTaking {
  readonly #collections: Collections;
  readonly #forecasts = new SeqForecasts();
  readonly #turns = new SeqTurns<Pending>();
  readonly #takeTogether = gather<Pending, void>({
    size: AT_A_TIME,
    atOnce: UNDER_WAY,
    patienceMs: PATIENCE_MS,
    run: async (batch) => {
      await this.#takeAll(batch);
      return batch.map(() => ({ status: 'fulfilled', value: undefined }));
    },
  });

  constructor(collections: Collections) {
    this.#collections = collections;
  }

  take(request: SeqRequest): Promise<SeqTaken | null> {
    const { conversationId, senderId } = request;
    const { promise, resolve, reject } = Promise.withResolvers<SeqTaken | null>();
    // Strangers hold no participant up, and are answered as fast as for a conversation that there is not.
    const isStranger = this.#forecasts.isStranger(conversationId, senderId);
    const queue = isStranger ? `${conversationId} ${senderId}` : conversationId;
    const pending: Pending = { ...request, queue, ticket: this.#turns.ticket(), resolve, reject };
    if (this.#turns.isTaken(queue) || !this.#forecasts.has(conversationId, senderId)) this.#takeInTurn(pending);
    else this.#takeTogether(pending).catch(reject);
    return promise;
  }

  #takeInTurn(pending: Pending): void {
    const { queue, ticket } = pending;
    if (this.#turns.isTaken(queue)) {
      this.#turns.wait(queue, ticket, pending);
      return;
    }
    this.#turns.begin(queue);
    void this.#goOn(queue, [pending]);
  }

  /** Those of conversations that are forecast by one command; the others as if they had come alone. Each is told; never throws. */
  async #takeAll(batch: readonly Pending[]): Promise<void> {
    const takes = new Map<string, Take<Pending>>();
    for (const pending of batch) {
      const { conversationId, senderId } = pending;
      const take = takes.get(conversationId) ?? this.#openTake(conversationId);
      if (take) takes.set(conversationId, take);
      if (take?.participants.includes(senderId)) take.requests.push(pending);
      else this.#takeInTurn(pending);
    }
    if (takes.size > 0) await this.#takeForecast([...takes.values()]);
  }

  /** Begins a turn, where it is nobody's and there is a forecast. */
  #openTake(conversationId: string): Take<Pending> | undefined {
    if (this.#turns.isTaken(conversationId)) return undefined;
    const take = takeFrom<Pending>(conversationId, this.#forecasts.use(conversationId));
    if (take) this.#turns.begin(conversationId);
    return take;
  }

  async #takeForecast(opened: readonly Take<Pending>[]): Promise<void> {
    // One that nobody joined, since its first sender takes no part, has nothing to take.
    const takes = opened.filter(({ requests }) => requests.length > 0);
    const missed: Pending[][] = [];
    try {
      const happened = takes.length > 0 ? await takeForecast(this.#collections, this.#forecasts, takes) : new Set();
      for (const take of takes) {
        const { from, participants, requests } = take;
        if (!happened.has(take)) missed.push(requests);
        else for (const [index, { resolve }] of requests.entries()) resolve({ seq: from + index + 1, participants });
      }
    } catch (error) {
      for (const { requests } of takes) this.#fail(requests, error);
    }
    const again = new Map(missed.map((requests) => [requests[0]?.conversationId, requests]));
    for (const { conversationId } of opened) {
      void this.#goOn(conversationId, again.get(conversationId) ?? this.#turns.end(conversationId));
    }
  }

  /** Takes for these, then for those that waited, until nobody waits. */
  async #goOn(queue: string, first: readonly Pending[]): Promise<void> {
    for (let turn = first; turn.length > 0; turn = this.#turns.end(queue)) await this.#takeFor(turn);
  }

  /** Takes for sends of one conversation; never throws: each is told. */
  async #takeFor(turn: readonly Pending[]): Promise<void> {
    const senders = [...new Set(turn.map(({ senderId }) => senderId))];
    try {
      const conversation = await this.#takeSeqs(turn, senders);
      if (!conversation && senders.length > 1) return await this.#takeBySender(turn);
      for (const [index, { resolve }] of turn.entries()) {
        resolve(conversation && { ...conversation, seq: conversation.seq - turn.length + index + 1 });
      }
    } catch (error) {
      this.#fail(turn, error);
    }
  }

  /** Without an answer those that wait fail too: they have waited for as long as a send may take, and would for as long again. */
  #fail(turn: readonly Pending[], error: unknown): void {
    const waiting = isUnknownResult(error) ? this.#turns.drain((turn[0] as Pending).queue) : [];
    for (const { reject } of [...turn, ...waiting]) reject(error);
  }

  /** One of the senders takes no part: the others are not to suffer from it. */
  async #takeBySender(turn: readonly Pending[]): Promise<void> {
    await Promise.all([...Map.groupBy(turn, ({ senderId }) => senderId).values()].map((own) => this.#takeFor(own)));
  }

  /** @returns how the conversation is afterwards; null if it is not there, or one of the senders takes no part in it */
  async #takeSeqs(turn: readonly Pending[], senders: readonly string[]): Promise<SeqTaken | null> {
    const { conversationId, preview } = turn.at(-1) as Pending;
    const doc = await this.#collections.conversations.findOneAndUpdate(
      {
        _id: oid(conversationId),
        participants: senders.length === 1 ? (senders[0] as string) : { $all: [...senders] },
      },
      takingOf(turn.length, preview),
      { returnDocument: 'after', projection: { seq: 1, participants: 1 }, ...PRIMARY_ONLY },
    );
    if (doc) this.#forecasts.learn(conversationId, doc);
    return doc && { seq: doc.seq, participants: doc.participants };
  }
}
