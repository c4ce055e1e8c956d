import { gather } from '@confab/chat';
import { ChatError, limits, type Message, routes } from '@confab/contracts';
import type { ApiAnswer } from './api-client.ts';

/** A send on its way to the api. */
export interface Send {
  token: string;
  address: string;
  traceId: string;
  traceparent: string | undefined;
  /** JSON. */
  body: string;
  /** A second try can do no harm. */
  repeatable: boolean;
  /** It may take the api longer than others: files are checked first. */
  slow: boolean;
  /** `performance.now()` at which the sender has to be answered. */
  deadline: number;
}

type Outcomes = PromiseSettledResult<Message>[];

export interface SendBatchesOptions {
  /** Sends one by itself. @throws ChatError, or what kept the connection from answering */
  sendAlone(send: Send): Promise<Message>;
  /** Makes one request for several. @throws what kept the connection from answering */
  request(path: string, first: Send, body: string): Promise<ApiAnswer>;
  /** What an answer to one send says. @throws ChatError */
  read(answer: unknown): Message;
  wasNotSent(error: unknown): boolean;
  now?: () => number;
}

/**
 * Requests under way for which further sends wait, unless what is under way is little. Source: with one, a request that took long held all lanes up, and
 * the next one took longer for it; with four a distance, and not the slowest of them, says how much is gathered (pairs in turn, 32 and 100 sends a request alike).
 */
const UNDER_WAY = 4;
/**
 * Milliseconds between the starts of two requests, while more than little is under way; full ones and a lone lane do not keep them. Source: as UNDER_WAY; with one request at a time p99 at
 * 2,000, 3,440 and 4,128 messages a second was 45, 106 and 121 ms, now 28, 79 and 95, for 4% more CPU; with 5 ms 34, 79 and 95 for 9%.
 */
const SPACING_MS = 8;
/**
 * Sends under way below which further ones do not wait: the api gathers what several requests bring into one wave anyway, and a send that waited
 * for the request before would wait twice. Source: pairs in turn over two gateways; at 500 messages a second a message takes 9 ms in the middle instead
 * of 15, and all processes together 1,600 to 1,840 CPU µs for it instead of 1,420 to 1,540; at 2,000 a second 633 to 728 instead of 631 to 665, and with 16 here 714 to 753.
 */
const FEW = 8;
/** Milliseconds that a send waits for them. Source: a fifth of what a send may take at p99. */
const PATIENCE_MS = 20;
/** Bytes of token and body above which a send goes alone, so that 32 of them, with what is around them, stay below the limit of a body. */
const SMALL = 4_096;
/** Milliseconds without batches after an api refused one as such: it is of an older version, or takes only smaller bodies. */
const PAUSE_MS = 10_000;
/** Refusals that are about the first sender, whose token the request carries, and say nothing of batches. */
const ABOUT_THE_FIRST = new Set([401, 403, 429]);

/**
 * Puts sends that come together into one request to the api. A lone send goes at once; while more than a few are under way others gather. Each has its own
 * answer; where a request of several is refused as a whole, each goes alone. Sends are given as lanes: those of one lane are stored in their order.
 * @returns for a lane the outcome of each of its sends; never throws
 */
export function createSendBatches(options: SendBatchesOptions): (lane: Send[]) => Promise<Outcomes> {
  const { sendAlone, now = () => performance.now() } = options;
  let pausedUntil = 0;

  const sendTogether = async (lanes: Send[][]): Promise<Outcomes[]> => {
    const sends = lanes.flat();
    const answer = await options.request(routes.sendMessages.path, sends[0] as Send, bodyOf(sends));
    if (answer.status >= 400 && answer.status < 500) {
      if (!ABOUT_THE_FIRST.has(answer.status)) pausedUntil = now() + PAUSE_MS;
      return Promise.all(lanes.map((lane) => inTurn(lane, sendAlone)));
    }
    const results = resultsOf(answer, sends.length);
    const read = results.map(async (result) => options.read(result));
    return Promise.all(lanes.map(({ length }) => Promise.allSettled(read.splice(0, length))));
  };

  const sendAll = async (lanes: Send[][]): Promise<Outcomes[]> => {
    const [lane] = lanes;
    if (lanes.length === 1 && lane?.length === 1) return [await inTurn(lane, sendAlone)];
    try {
      return await sendTogether(lanes);
    } catch (error) {
      // As for a request of its own: again only where that can do no harm.
      const harmless = !(error instanceof ChatError) && options.wasNotSent(error);
      const again = (send: Send) =>
        !(error instanceof ChatError) && (harmless || send.repeatable) ? sendAlone(send) : Promise.reject(error);
      return Promise.all(lanes.map((each) => inTurn(each, again)));
    }
  };

  const gathered = gather<Send[], Outcomes>({
    size: limits.sendsAtOnce,
    weigh: (lane) => lane.length,
    atOnce: UNDER_WAY,
    light: FEW,
    spacingMs: SPACING_MS,
    patienceMs: PATIENCE_MS,
    run: async (lanes) => (await sendAll(lanes)).map((value) => ({ status: 'fulfilled', value })),
  });
  const goesAlone = ({ token, body, slow }: Send) =>
    slow || token.length + Buffer.byteLength(body) > SMALL || now() < pausedUntil;
  // What is left of a lane's time is its own: its sends do not join those of others later on, which would be made by then too late.
  return (lane) => (lane.some(goesAlone) ? inTurn(lane, sendAlone) : gathered(lane));
}

/** One after the other, whatever becomes of those before. */
async function inTurn(lane: readonly Send[], send: (send: Send) => Promise<Message>): Promise<Outcomes> {
  const outcomes: Outcomes = [];
  for (const each of lane) outcomes.push(...(await Promise.allSettled([send(each)])));
  return outcomes;
}

function bodyOf(sends: readonly Send[]): string {
  const items = sends.map(({ body, token, address, traceId, traceparent }) => {
    const head = JSON.stringify({ token, address, traceId, ...(traceparent !== undefined && { traceparent }) });
    // The body is JSON already.
    return `${head.slice(0, -1)},"body":${body}}`;
  });
  return `{"items":[${items.join()}]}`;
}

/** @throws ChatError if it is no answer to that many */
function resultsOf({ status, reply }: ApiAnswer, count: number): unknown[] {
  const { results } = (reply?.data ?? {}) as { results?: unknown };
  if (status === 200 && Array.isArray(results) && results.length === count) return results;
  const code = (reply?.error as { code?: string } | undefined)?.code === 'OVERLOADED' ? 'OVERLOADED' : 'UNAVAILABLE';
  throw new ChatError(code, { retryAfter: 1, cause: new Error(`a batch was answered with status ${status}`) });
}
