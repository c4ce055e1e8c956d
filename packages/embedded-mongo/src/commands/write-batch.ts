/** Runs the statements of a write command in order, a group at a time, and collects their errors. */
import { type Document, Int32 } from 'bson';
import { fail, MongoError } from '../errors.ts';
import { type Command, flagArgument, isDurable } from './command.ts';
import { TURN_MS } from './result-stream.ts';

/** MongoDB's limit of statements in one command. */
export const MAX_BATCH = 100_000;

/** The error of one statement as it is answered. */
function writeError(index: number, error: MongoError): Document {
  return { index: new Int32(index), code: new Int32(error.code), ...error.details, errmsg: error.message };
}

/** Told when a transaction begins, and when it was rolled back and the same statements run again. */
export interface TurnListener {
  begin(): void;
  rollBack(): void;
}

/**
 * Runs `count` statements. Many share one transaction, but none longer than a turn; the last transaction is synced,
 * which covers those before it.
 *
 * @returns the errors, in the form of `writeErrors`
 */
export async function runStatements(
  command: Command,
  count: number,
  statement: (index: number) => boolean,
  listener?: TurnListener,
): Promise<Document[]> {
  if (count === 0 || count > MAX_BATCH) {
    fail(16, `Write batch sizes must be between 1 and ${MAX_BATCH}. Got ${count} operations.`);
  }
  const ordered = flagArgument(command, 'ordered', true);
  const durable = isDurable(command);
  const { writer } = command.engine.store;
  let next = 0;
  let errors = new Map<number, MongoError>();
  let running = false;
  const turn = () => {
    if (running) listener?.rollBack();
    running = true;
    listener?.begin();
    const ends = performance.now() + TURN_MS;
    const found = new Map(errors);
    let index = next;
    while (index < count && !(ordered && found.size > 0) && performance.now() < ends) {
      if (runOne(index, statement, found)) index++;
    }
    return { index, found };
  };
  do {
    const { index, found } = await writer.write(turn, durable, command.name !== 'delete');
    running = false;
    next = index;
    errors = found;
  } while (next < count && !(ordered && errors.size > 0));
  return [...errors].map(([index, error]) => writeError(index, error));
}

/** True when the statement is done, with or without an error. */
function runOne(index: number, statement: (index: number) => boolean, errors: Map<number, MongoError>): boolean {
  try {
    return statement(index);
  } catch (error) {
    if (!(error instanceof MongoError)) throw error;
    errors.set(index, error);
    return true;
  }
}

/** The end of a write reply. */
export function writeReply(counts: Document, errors: readonly Document[]): Document {
  const reply: Document = { ...counts };
  if (errors.length > 0) reply.writeErrors = errors;
  reply.ok = 1;
  return reply;
}
