import { ChatError } from '@confab/contracts';
import type { Dispatcher } from 'undici';

export interface ApiRequest {
  method: Dispatcher.HttpMethod;
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

export interface ApiResponse {
  status: number;
  text: string;
}

/**
 * Milliseconds that a request must have left to be made at all: with less the api hardly gets to answer. Source: half of what a send may take at
 * p99, and more than the 20 ms by which sends that are gathered differ: once their request has timed out, none of them has a use for another.
 */
export const LEAST_MS = 50;

/** Requests to the api, so many at a time. */
export class ApiRequests {
  readonly #dispatcher: Dispatcher;
  readonly #limit: number;
  #held = 0;

  /** @param limit requests that the dispatcher may hold, each with its body, also those that nobody waits for any more */
  constructor(dispatcher: Dispatcher, limit: number) {
    this.#dispatcher = dispatcher;
    this.#limit = limit;
  }

  /**
   * Makes one request and reads its whole answer. It settles by the deadline in any case. What waits for a connection until then is never
   * sent, but the dispatcher, which cannot be told to drop it, holds it until its turn comes: it counts so long. Told what comes by undici's handler:
   * the stream, the signal and the listeners that `request` of undici makes of every answer cost more than the request itself.
   * @param deadline `performance.now()` at which it fails
   * @throws Error in time; or what undici says of the connection; ChatError OVERLOADED if the dispatcher holds too many
   */
  make(request: ApiRequest, deadline: number): Promise<ApiResponse> {
    return new Promise((resolve, reject) => {
      if (isTooLate(deadline)) throw notInTime();
      if (this.#held >= this.#limit) throw new ChatError('OVERLOADED', { retryAfter: 1 });
      this.#held += 1;
      const gone = () => {
        this.#held -= 1;
      };
      this.#dispatcher.dispatch(request, new Exchange({ resolve, reject, gone }, deadline));
    });
  }
}

const isTooLate = (deadline: number) => deadline - performance.now() < LEAST_MS;
const notInTime = () => new Error('the api did not answer in time');

interface Outcome {
  resolve(response: ApiResponse): void;
  reject(error: Error): void;
  /** The dispatcher does not hold it any more. */
  gone(): void;
}

/** One request on its way. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #outcome: Outcome;
  readonly #deadline: number;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;

  constructor(outcome: Outcome, deadline: number) {
    this.#outcome = outcome;
    this.#deadline = deadline;
    this.#timer = setTimeout(() => this.#giveUp(), deadline - performance.now());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // It had to wait for a connection, and nothing of it was sent: thrown, it ends alone; an abort would take the connection with it.
    if (isTooLate(this.#deadline)) throw notInTime();
    this.#controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    clearTimeout(this.#timer);
    const [only] = this.#chunks;
    const bytes = this.#chunks.length === 1 && only ? only : Buffer.concat(this.#chunks);
    this.#outcome.resolve({ status: this.#status, text: bytes.toString() });
    this.#outcome.gone();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer);
    this.#outcome.reject(error);
    this.#outcome.gone();
  }

  #giveUp(): void {
    const error = notInTime();
    this.#controller?.abort(error);
    this.#outcome.reject(error);
  }
}
