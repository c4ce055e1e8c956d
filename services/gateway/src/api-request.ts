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
 * Makes one request and reads its whole answer. It settles by the deadline in any case, also while it waits for a connection. Told what comes by
 * undici's handler: the stream, the signal and the listeners that `request` of undici makes of every answer cost more than the request itself.
 * @param deadline `performance.now()` at which it fails
 * @throws Error in time; or what undici says of the connection
 */
export function requestApi(dispatcher: Dispatcher, request: ApiRequest, deadline: number): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(resolve, reject, deadline - performance.now());
    dispatcher.dispatch(request, exchange);
  });
}

/** One request on its way. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (response: ApiResponse) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  /** Set once nobody waits for the answer any more. */
  #late: Error | undefined;

  constructor(resolve: (response: ApiResponse) => void, reject: (error: Error) => void, ms: number) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#giveUp(), ms);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It had to wait for a connection, and nothing of it was sent.
    if (this.#late) controller.abort(this.#late);
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
    this.#resolve({ status: this.#status, text: bytes.toString() });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.#timer);
    this.#reject(error);
  }

  #giveUp(): void {
    this.#late = new Error('the api did not answer in time');
    this.#controller?.abort(this.#late);
    this.#reject(this.#late);
  }
}
