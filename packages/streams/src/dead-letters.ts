import type { DeadLetter, DeadLetterBox } from '@confab/chat';
import { loadScript, type RedisConnection, runScript } from '@confab/redis';
import { fieldsOf } from './entry-codec.ts';
import { DEFAULT_PARTITIONS } from './partition.ts';

const replayScript = loadScript(new URL('./lua/replay-dead-letter.lua', import.meta.url));

/** entry, reason, partition, at: names and values that a dead letter has before the fields of the entry itself. */
const LETTER_VALUES = 8;

/** What an operator does with entries that could not be processed. */
export class DeadLetters implements DeadLetterBox {
  readonly #connection: RedisConnection;
  readonly #partitions: number;

  constructor(connection: RedisConnection, options: { partitions?: number } = {}) {
    this.#connection = connection;
    this.#partitions = options.partitions ?? DEFAULT_PARTITIONS;
  }

  /** The oldest first within each partition, at most `limit` in all. */
  async list(limit = 100): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (let partition = 0; partition < this.#partitions && letters.length < limit; partition++) {
      const key = this.#connection.keys.deadLetters(partition);
      const count = limit - letters.length;
      const entries = await this.#connection.run((client) => client.xrange(key, '-', '+', 'COUNT', count));
      letters.push(...entries.map(([id, fields]) => toDeadLetter(partition, id, fields)));
    }
    return letters;
  }

  async count(): Promise<number> {
    const lengths = await this.#connection.run((client) =>
      Promise.all(
        Array.from({ length: this.#partitions }, (_, partition) =>
          client.xlen(this.#connection.keys.deadLetters(partition)),
        ),
      ),
    );
    return lengths.reduce((sum, length) => sum + length, 0);
  }

  /** Puts it back into the log, to be processed anew. @returns false if there is none of that id */
  async replay(letter: Pick<DeadLetter, 'partition' | 'id'>): Promise<boolean> {
    const { keys } = this.#connection;
    const answer = await runScript(
      this.#connection,
      replayScript,
      [keys.receipts(letter.partition), keys.deadLetters(letter.partition)],
      [letter.id, LETTER_VALUES],
    );
    return answer === 1;
  }

  /** Removes it for good. @returns false if there is none of that id */
  async drop(letter: Pick<DeadLetter, 'partition' | 'id'>): Promise<boolean> {
    const key = this.#connection.keys.deadLetters(letter.partition);
    return (await this.#connection.run((client) => client.xdel(key, letter.id))) === 1;
  }
}

function toDeadLetter(partition: number, id: string, values: string[]): DeadLetter {
  const about = fieldsOf(values.slice(0, LETTER_VALUES));
  return {
    id,
    partition,
    reason: about.reason ?? '',
    fields: fieldsOf(values.slice(LETTER_VALUES)),
    at: Number(about.at),
  };
}
