import type { DisconnectCode, ServerPayload } from '@confab/contracts';
import { backoff, type ClientEnvironment } from './environment.ts';
import { type ClientErrorCode, ConfabError, toConfabError } from './error.ts';
import type { ChatSocket } from './socket.ts';
import type { TokenSource } from './token-source.ts';

type Reason = ClientErrorCode | DisconnectCode | 'CLOSED' | 'NO_NETWORK';

/**
 * `connecting`: on the way to the server. `syncing`: connected, catching up. `live`: up to date. `offline`: not connected; it tries again
 * at `retryAt` by itself unless `needs` says what it waits for.
 */
export interface ConnectionState {
  status: 'connecting' | 'syncing' | 'live' | 'offline';
  /** Why it is offline. */
  reason?: Reason;
  /** Unix time in milliseconds of the next try. */
  retryAt?: number;
  /** `token`: another token; `connect`: a call of `connect()`; `network`: the device is offline. */
  needs?: 'token' | 'connect' | 'network';
}

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10_000;
/** Spread of clients that a gateway sends away at once, in milliseconds. Source: 2,000 sockets come back in steps, not in one. */
const SPREAD = 2_000;

interface ConnectionEvents {
  changed(state: ConnectionState): void;
  /** Connected, with this token: catch up, then call `live()`. */
  opened(token: string): void;
  closed(): void;
}

/** Keeps one socket connected: when to try, with which token, and when not to. */
export class Connection {
  state: ConnectionState = { status: 'offline', reason: 'CLOSED', needs: 'connect' };
  readonly #socket: ChatSocket;
  readonly #tokens: TokenSource;
  readonly #environment: ClientEnvironment;
  readonly #events: ConnectionEvents;
  #wanted = false;
  #token = '';
  #failures = 0;
  #end: ServerPayload<'session:end'> | undefined;
  #callOff: (() => void) | undefined;
  #unwatch: (() => void) | undefined;
  /** The attempt that is on its way; one that `close` dropped has no say any more. */
  #attempting: object | undefined;

  constructor(socket: ChatSocket, tokens: TokenSource, environment: ClientEnvironment, events: ConnectionEvents) {
    this.#socket = socket;
    this.#tokens = tokens;
    this.#environment = environment;
    this.#events = events;
    socket.on('connect', () => this.#onConnect());
    socket.on('disconnect', () => this.#onDisconnect());
    socket.on('connect_error', (error: Error & { data?: unknown }) => this.#onRefused(error));
    socket.on('session:end', (end: ServerPayload<'session:end'>) => {
      this.#end = end;
    });
  }

  /** Connects and stays connected until `close`. Called again, it tries at once. */
  open(): void {
    this.#wanted = true;
    this.#unwatch ??= this.#environment.watchNetwork((online) => this.#onNetwork(online));
    if (!this.#socket.connected) void this.#attempt('connecting');
  }

  close(): void {
    this.#wanted = false;
    // A socket that is not connected yet says nothing when it is disconnected: nobody else would end the attempt.
    this.#attempting = undefined;
    this.#callOff?.();
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#socket.disconnect();
    this.#set({ status: 'offline', reason: 'CLOSED', needs: 'connect' });
  }

  /** The client has caught up. */
  live(): void {
    if (!this.#socket.connected) return;
    this.#failures = 0;
    this.#set({ status: 'live' });
  }

  /** Something is to be caught up with again. */
  syncing(): void {
    if (this.#socket.connected) this.#set({ status: 'syncing' });
  }

  async #attempt(status: 'connecting' | 'offline'): Promise<void> {
    this.#callOff?.();
    if (this.#attempting || this.#socket.connected) return;
    const attempt = {};
    this.#attempting = attempt;
    if (status === 'connecting') this.#set({ status });
    try {
      this.#token = await this.#tokens.get();
    } catch (error) {
      if (this.#attempting === attempt) this.#onRefused(error);
      return;
    }
    if (this.#attempting !== attempt) return;
    this.#end = undefined;
    this.#socket.auth = { token: this.#token };
    this.#socket.connect();
  }

  #onConnect(): void {
    this.#attempting = undefined;
    this.#set({ status: 'syncing' });
    this.#events.opened(this.#token);
  }

  #onDisconnect(): void {
    this.#attempting = undefined;
    this.#events.closed();
    if (!this.#wanted) return;
    const end = this.#end;
    if (end?.reconnect === 'no') this.#giveUp(end.code as DisconnectCode, 'connect');
    else if (end?.reconnect === 'new-token') this.#refuseToken(end.code as DisconnectCode);
    else {
      const pause = end ? (end.retryAfter ?? 0) * 1000 + SPREAD * this.#environment.random() : this.#pause();
      this.#set({ status: 'connecting' });
      this.#later(pause, 'connecting');
    }
  }

  #onRefused(failure: unknown): void {
    this.#attempting = undefined;
    if (!this.#wanted) return;
    const error = refusalOf(failure);
    if (error.tokenRefused) this.#refuseToken(error.code);
    else if (error.code === 'FORBIDDEN' || error.code === 'ORIGIN_NOT_ALLOWED') this.#giveUp(error.code, 'connect');
    else this.#retryLater(error.code, (error.retryAfter ?? 0) * 1000);
  }

  #refuseToken(reason: Reason): void {
    if (!this.#tokens.refuse(this.#token)) this.#giveUp(reason, 'token');
    // A token function that hands out refused tokens is asked less and less often.
    else if (this.#failures > 0) this.#retryLater(reason, 0);
    else {
      this.#failures += 1;
      void this.#attempt('connecting');
    }
  }

  #giveUp(reason: Reason, needs: 'token' | 'connect'): void {
    this.#callOff?.();
    this.#set({ status: 'offline', reason, needs });
  }

  #retryLater(reason: Reason, atLeast: number): void {
    const pause = Math.max(this.#pause(), atLeast);
    this.#set({ status: 'offline', reason, retryAt: this.#environment.now() + pause });
    this.#later(pause, 'offline');
  }

  #onNetwork(online: boolean): void {
    if (!online && this.#socket.connected) this.#socket.disconnect();
    // A network is not what it waits for then; the loss of the last connection may have said so just now.
    if (this.state.needs === 'connect' || this.state.needs === 'token') return;
    if (online) {
      this.#failures = 0;
      if (!this.#socket.connected) void this.#attempt('connecting');
      return;
    }
    this.#callOff?.();
    this.#set({ status: 'offline', reason: 'NO_NETWORK', needs: 'network' });
    // Some systems say "offline" and never "online" again: the word is not trusted for ever.
    this.#later(LONGEST_PAUSE, 'offline');
  }

  #pause(): number {
    const pause = backoff(this.#failures, FIRST_PAUSE, LONGEST_PAUSE, this.#environment.random);
    this.#failures += 1;
    return pause;
  }

  #later(pause: number, status: 'connecting' | 'offline'): void {
    this.#callOff?.();
    this.#callOff = this.#environment.after(pause, () => void this.#attempt(status));
  }

  #set(state: ConnectionState): void {
    this.state = state;
    this.#events.changed(state);
  }
}

/** The server's refusal (`error.data`), or that it could not be reached. */
function refusalOf(failure: unknown): ConfabError {
  if (failure instanceof ConfabError) return failure;
  const { data } = failure as { data?: unknown };
  return data === undefined ? new ConfabError('OFFLINE', 'The server could not be reached') : toConfabError(data);
}
