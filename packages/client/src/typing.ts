import type { ClientEnvironment } from './environment.ts';

/** A start is told at most this often. Source: half of the time that a receiver believes it. */
const REPEAT = 3_000;
/** Milliseconds without a keystroke after which the user no longer types. Source: half a sentence of thinking. */
const PAUSE = 4_000;
/** Milliseconds that a received start is believed. Source: two repeats, one of which may be lost. */
const BELIEVED = 6_500;

/** Keystrokes to few `typing:start` and one `typing:stop`. */
export class TypingSender {
  readonly #environment: ClientEnvironment;
  readonly #tell: (event: 'typing:start' | 'typing:stop', conversationId: string) => boolean;
  readonly #active = new Map<string, { toldAt: number; callOff: () => void }>();

  /** @param tell returns whether it could be told */
  constructor(
    environment: ClientEnvironment,
    tell: (event: 'typing:start' | 'typing:stop', conversationId: string) => boolean,
  ) {
    this.#environment = environment;
    this.#tell = tell;
  }

  keystroke(conversationId: string): void {
    const now = this.#environment.now();
    const active = this.#active.get(conversationId);
    active?.callOff();
    const due = !active || now - active.toldAt >= REPEAT;
    const callOff = this.#environment.after(PAUSE, () => this.stop(conversationId));
    // What could not be told is due at the next keystroke again.
    const toldAt = !due ? active.toldAt : this.#tell('typing:start', conversationId) ? now : -Infinity;
    this.#active.set(conversationId, { toldAt, callOff });
  }

  stop(conversationId: string): void {
    const active = this.#active.get(conversationId);
    if (!active) return;
    active.callOff();
    this.#active.delete(conversationId);
    this.#tell('typing:stop', conversationId);
  }

  /** The connection is gone, and with it what the others were told. */
  clear(): void {
    for (const { callOff } of this.#active.values()) callOff();
    this.#active.clear();
  }
}

/** Who types where, as far as it was told lately. A repeated start changes nothing that is seen. */
export class TypingReceiver {
  readonly #environment: ClientEnvironment;
  readonly #changed: (conversationId: string) => void;
  readonly #typing = new Map<string, Map<string, () => void>>();

  constructor(environment: ClientEnvironment, changed: (conversationId: string) => void) {
    this.#environment = environment;
    this.#changed = changed;
  }

  in(conversationId: string): string[] {
    return [...(this.#typing.get(conversationId)?.keys() ?? [])];
  }

  start(conversationId: string, userId: string): void {
    const users = this.#typing.get(conversationId) ?? new Map<string, () => void>();
    this.#typing.set(conversationId, users);
    const before = users.get(userId);
    before?.();
    users.set(
      userId,
      this.#environment.after(BELIEVED, () => this.stop(conversationId, userId)),
    );
    if (!before) this.#changed(conversationId);
  }

  stop(conversationId: string, userId: string): void {
    const users = this.#typing.get(conversationId);
    const callOff = users?.get(userId);
    if (!users || !callOff) return;
    callOff();
    users.delete(userId);
    if (users.size === 0) this.#typing.delete(conversationId);
    this.#changed(conversationId);
  }

  /** The connection is gone: nobody would tell us of an end. */
  clear(): void {
    for (const [conversationId, users] of [...this.#typing])
      for (const userId of [...users.keys()]) this.stop(conversationId, userId);
  }
}
