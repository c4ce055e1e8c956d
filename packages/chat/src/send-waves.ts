import type { Message, SendMessageBody } from '@confab/contracts';
import type { ChatContext } from './context.ts';
import { gather } from './gather.ts';
import { OneCall } from './one-call.ts';

type Send = () => Promise<Message>;
type Outcomes = PromiseSettledResult<Message>[];

/** Sends of one wave. Source: as many as one command inserts. */
const WAVE_SIZE = 100;
/** Waves under way for which further sends wait. Source: with one a send over REST at 32 at a time costs 169 CPU µs, with two 194, without waves 206. */
const UNDER_WAY = 1;
/** Milliseconds that a send waits for the wave before it at most. Source: a tenth of what a send may take at p99. */
const PATIENCE_MS = 10;
/**
 * Milliseconds between the starts of two waves at least, under load. Source: each step of a wave wakes two processes, which at 500 messages a second
 * is most of what a message costs: 10 ms take 15% off what all processes cost there (2,880 to 2,450 CPU µs a message), and nothing is slower for it.
 */
const SPACING_MS = 10;
/**
 * Waves of a few need not keep it: three share what a wave costs, and with nine or fewer in 5 to 10 ms all processes have time for it. What a sender has
 * waiting in a conversation counts once: telling waves by their sends instead made no difference (two looks at 500 and 2,000 a second). Source: at 500
 * messages a second a message takes 5.5 ms in the middle instead of 9.5, 8 instead of 14 at p90, for 12% more CPU (three looks in turn).
 */
const SOONER = { ms: 5, from: 3, below: 10 };

/** One sequence of waves per context, which its store stands for. */
const waves = new WeakMap<ChatContext['store'], (sends: Send[]) => Promise<Outcomes>>();

/**
 * Runs sends together with others: those that come while a wave is under way start in one turn, and so share each command to the stores from
 * the first to the last, where arrivals one by one would share few. A lone send starts at the end of its turn.
 * @returns the call by which sends that are added to it start in the same wave, in their order
 */
export function openWaveCall(store: ChatContext['store']): OneCall<Send, Message> {
  const inWave = waves.get(store) ?? createWaves();
  waves.set(store, inWave);
  return new OneCall(inWave);
}

/** Whether a send has no more steps than any has to have: a wave would wait for others. */
export const isPlain = ({ replyTo, media }: Pick<SendMessageBody, 'replyTo' | 'media'>): boolean =>
  !replyTo && !media?.length;

const createWaves = () =>
  gather<Send[], Outcomes>({
    size: WAVE_SIZE,
    weigh: (sends) => sends.length,
    atOnce: UNDER_WAY,
    patienceMs: PATIENCE_MS,
    spacingMs: SPACING_MS,
    sooner: SOONER,
    run: startAll,
  });

async function startAll(groups: readonly Send[][]): Promise<PromiseFulfilledResult<Outcomes>[]> {
  const outcomes = await Promise.allSettled(groups.flat().map((send) => send()));
  let from = 0;
  return groups.map(({ length }) => {
    from += length;
    return { status: 'fulfilled', value: outcomes.slice(from - length, from) };
  });
}
