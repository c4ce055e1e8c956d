import type { SeqTaken } from '@confab/chat';

/** Conversations remembered. Source: 300 bytes each, and 2 kB with 20 participants whose ids are long: 20 MB at most. */
const REMEMBERED = 10_000;
/** Participants of a conversation that is remembered at most: all of them are named in the condition of each take. */
const FEW = 20;
/** Takes without a forecast after the first miss; twice as many after each further one in a row, up to MOST. */
const FIRST_DOUBT = 4;
const MOST_DOUBT = 64;

interface Known {
  /** Absent while it is in use, and while it is doubted. */
  forecast?: SeqTaken | undefined;
  /** As of the last forecast. */
  participants?: readonly string[] | undefined;
  /** Takes that are to go without a forecast yet, and how many there were after the last miss. */
  doubt: number;
  lastDoubt: number;
}

/**
 * What the seq and the participants of a conversation should be: so they were when this process last took a seq there. Where several processes take
 * seqs of one conversation in turn, forecasts miss; then it is doubted, and goes without for a while.
 */
export class SeqForecasts {
  readonly #known = new Map<string, Known>();

  /** Whether there is a forecast for a conversation in which the sender takes part. */
  has(conversationId: string, senderId: string): boolean {
    return this.#known.get(conversationId)?.forecast?.participants.includes(senderId) === true;
  }

  /** Whether the sender took no part in a conversation when it was last known who does. */
  isStranger(conversationId: string, senderId: string): boolean {
    return this.#known.get(conversationId)?.participants?.includes(senderId) === false;
  }

  /** The forecast, for one use: there is none until the conversation is confirmed or learned anew. */
  use(conversationId: string): SeqTaken | undefined {
    const known = this.#known.get(conversationId);
    const forecast = known?.forecast;
    if (known) known.forecast = undefined;
    return forecast;
  }

  /** The forecast was right; this is how it is now. */
  confirm(conversationId: string, now: SeqTaken): void {
    const lastDoubt = Math.floor((this.#known.get(conversationId)?.lastDoubt ?? 0) / 2);
    this.#remember(conversationId, now, { doubt: 0, lastDoubt });
  }

  miss(conversationId: string): void {
    const lastDoubt = Math.min(MOST_DOUBT, (this.#known.get(conversationId)?.lastDoubt ?? 0) * 2 || FIRST_DOUBT);
    this.#put(conversationId, { doubt: lastDoubt, lastDoubt, participants: this.#participantsIn(conversationId) });
  }

  /** A take without a forecast found this. */
  learn(conversationId: string, now: SeqTaken): void {
    const { doubt, lastDoubt } = this.#known.get(conversationId) ?? { doubt: 0, lastDoubt: 0 };
    if (doubt > 0) this.#put(conversationId, { doubt: doubt - 1, lastDoubt, participants: fewOf(now.participants) });
    else this.#remember(conversationId, now, { doubt, lastDoubt });
  }

  #participantsIn(conversationId: string): readonly string[] | undefined {
    return this.#known.get(conversationId)?.participants;
  }

  #remember(conversationId: string, { seq, participants }: SeqTaken, doubts: Pick<Known, 'doubt' | 'lastDoubt'>): void {
    const earlier = this.#known.get(conversationId)?.forecast;
    // Answers come in any order.
    if (earlier && earlier.seq > seq) return;
    const few = fewOf(participants);
    this.#put(conversationId, few ? { ...doubts, participants: few, forecast: { seq, participants } } : doubts);
  }

  /** The latest stand last; the oldest are forgotten. */
  #put(conversationId: string, known: Known): void {
    this.#known.delete(conversationId);
    this.#known.set(conversationId, known);
    if (this.#known.size > REMEMBERED) this.#known.delete(this.#known.keys().next().value as string);
  }
}

const fewOf = (participants: readonly string[]) => (participants.length <= FEW ? participants : undefined);
