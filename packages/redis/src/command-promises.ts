import { Command } from 'ioredis';

/** What of a command of ioredis is replaced here, which its types do not show. */
interface Internals {
  name: string;
  args: unknown[];
  callback?: unknown;
  errorStack?: unknown;
  transformed: boolean;
  isResolved: boolean;
  isSettled: boolean;
  promise: Promise<unknown>;
  resolve: (reply: unknown) => unknown;
  reject: (error: Error) => void;
  initPromise(): void;
  stringifyArguments(): void;
  _convertValue(resolve: (value: unknown) => void): (reply: unknown) => unknown;
  _clearTimers(): void;
}

type Transformers = { argument: Record<string, ((args: unknown[]) => unknown[]) | undefined> };

/** The line of `initPromise` for which it is replaced. Where it is gone so is the reason, and the method stays as it is. */
const REASON = 'this.reject = (err) => {';

const prototype = Command.prototype as unknown as Internals;
const original = prototype.initPromise;

/**
 * Makes commands of ioredis die young. A function that the source assigns to a property as it is written is made old by V8 at once, and one such
 * function for each command keeps alive what it can see: the command, what it sent and what came back, until the next full collection. So a process
 * that talks to Redis copies nearly all of it in each collection of its young generation, and soon marks its whole heap. Here the function has a name
 * first; everything else is as ioredis does it.
 * @returns whether it was necessary: false where this version of ioredis does it in another way
 */
export function letCommandsDieYoung(): boolean {
  if (prototype.initPromise !== original) return true;
  if (!String(original).includes(REASON)) return false;
  prototype.initPromise = initPromise;
  return true;
}

function initPromise(this: Internals): void {
  // What a handshake uses, and nobody else here.
  if (this.callback !== undefined || this.errorStack !== undefined) {
    original.call(this);
    return;
  }
  this.isResolved = false;
  this.isSettled = false;
  this.promise = new Promise((resolve, reject) => {
    if (!this.transformed) {
      this.transformed = true;
      const transform = (Command as unknown as { _transformer: Transformers })._transformer.argument[this.name];
      if (transform) this.args = transform(this.args);
      this.stringifyArguments();
    }
    this.resolve = this._convertValue(resolve);
    const fail = (error: Error) => {
      this._clearTimers();
      this.isSettled = true;
      reject(error);
    };
    this.reject = fail;
  });
}
