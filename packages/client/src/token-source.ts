import { ConfabError, toConfabError } from './error.ts';

/**
 * A token, or a function that gets one. The function is called again when the server refuses the token it gave
 * (`refused`), so it can fetch a new one; it throws or rejects if there is none.
 */
export type TokenOption = string | ((refused?: string) => string | Promise<string>);

/** Keeps the token in use; simultaneous askers share one call of the function. */
export class TokenSource {
  readonly #option: TokenOption;
  #current: string | undefined;
  #refused: string | undefined;
  #asking: Promise<string> | undefined;

  constructor(option: TokenOption) {
    this.#option = option;
    if (typeof option === 'string') this.#current = option;
  }

  /** @throws ConfabError UNAUTHENTICATED if the only token there is was refused; what the token function throws as OFFLINE */
  async get(): Promise<string> {
    if (this.#current !== undefined && this.#current !== this.#refused) return this.#current;
    if (typeof this.#option === 'string') throw new ConfabError('UNAUTHENTICATED', 'The token was refused');
    this.#asking ??= this.#ask(this.#option).finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** The server refused this token: the next `get` asks for another. @returns whether there can be another */
  refuse(token: string): boolean {
    this.#refused = token;
    return typeof this.#option === 'function';
  }

  async #ask(option: (refused?: string) => string | Promise<string>): Promise<string> {
    try {
      this.#current = await option(this.#refused);
    } catch (error) {
      // A refusal of the application's own login goes through as it is; anything else may be the network.
      const known = toConfabError(error);
      throw known.code === 'NO_ANSWER' ? new ConfabError('OFFLINE', 'No token could be fetched') : known;
    }
    if (this.#current === this.#refused) throw new ConfabError('UNAUTHENTICATED', 'The same token was given again');
    return this.#current;
  }
}

/** The `sub` of a JWT, read without checking it: the server checks. @throws ConfabError if there is none */
export function subjectOf(token: string): string {
  const payload = token.split('.')[1] ?? '';
  try {
    const subject: unknown = JSON.parse(decodeBase64Url(payload)).sub;
    if (typeof subject === 'string' && subject !== '') return subject;
  } catch {
    // Told below, in words that help.
  }
  throw new ConfabError('UNAUTHENTICATED', 'The token is not a JWT with a subject');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

// Neither atob nor TextDecoder is there in every React Native runtime.
function decodeBase64Url(text: string): string {
  let bits = 0;
  let value = 0;
  let escaped = '';
  for (const character of text.replace(/=+$/, '').replace(/\+/g, '-').replace(/\//g, '_')) {
    const digit = ALPHABET.indexOf(character);
    if (digit < 0) throw new SyntaxError('not base64url');
    value = (value << 6) | digit;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      escaped += `%${((value >> bits) & 255).toString(16).padStart(2, '0')}`;
    }
  }
  return decodeURIComponent(escaped);
}
