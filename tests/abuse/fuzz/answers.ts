import { markOf } from './world.ts';

/** What an answer must never have in it: stacks, paths of ours, names of what is behind us. */
const INTERNALS =
  /\bat [\w.<>]+ \(|node_modules|node:internal|\.ts:\d+|Mongo\w*Error|E11000|ECONNREFUSED|ReplyError|TypeError|ioredis/;

/** Counts answers by their code, and collects what must not be. */
export class Answers {
  readonly counts = new Map<string, number>();
  readonly problems: string[] = [];
  total = 0;

  /**
   * @param code of the catalogue, or `ok`
   * @param forbidden conversations that the caller was never in
   */
  note(what: string, code: string, text: string, forbidden: readonly string[]): void {
    this.total += 1;
    this.counts.set(code, (this.counts.get(code) ?? 0) + 1);
    const problem = this.#problemIn(code, text, forbidden);
    if (problem !== undefined) this.problems.push(`${what}: ${problem}`);
  }

  #problemIn(code: string, text: string, forbidden: readonly string[]): string | undefined {
    if (code === 'INTERNAL' || code === '500') return `an answer of 500: ${text.slice(0, 120)}`;
    if (/^\d+ without JSON$|^0/.test(code)) return `no answer of ours: ${code} ${text.slice(0, 80)}`;
    if (INTERNALS.test(text)) return `internals: ${INTERNALS.exec(text)?.[0]}`;
    const read = forbidden.find((id) => text.includes(markOf(id)));
    return read === undefined ? undefined : `a message of ${read} was read`;
  }

  get summary(): string {
    const sorted = [...this.counts].toSorted(([, a], [, b]) => b - a);
    return sorted.map(([code, count]) => `${count} ${code}`).join(', ');
  }
}
