import { parseArgs } from 'node:util';
import type { DeadLetter, DeadLetterBox } from '@confab/chat';

export const USAGE = `Receipts that could not be processed, and what to do with them.

  npm run dead-letters -- list [--limit 100] [--json]   the oldest first, with the reason
  npm run dead-letters -- replay PLACE... | --all       back into the log, to be processed anew
  npm run dead-letters -- drop PLACE... | --all         removed for good

PLACE is what list prints first. REDIS_URL, REDIS_CLUSTER and KEY_PREFIX as for the services.
`;

type Place = Pick<DeadLetter, 'partition' | 'id'>;

const PLACE = /^(\d+):(\d+-\d+)$/;
const DEFAULT_LIMIT = 100;

/**
 * Runs one command.
 * @param args what follows the program's name: `list`, `replay 0:1-1`, `drop --all`
 * @param print takes the lines of the answer
 * @returns the exit code: 0; 1 if one of the places has no dead letter; 2 if the command is not understood
 * @throws ChatError UNAVAILABLE if Redis does not answer
 */
export async function runDeadLetterCommand(
  box: DeadLetterBox,
  args: readonly string[],
  print: (line: string) => void,
): Promise<number> {
  const command = parse(args);
  if (!command) {
    print(USAGE);
    return 2;
  }
  if (command.verb === 'list') return list(box, command, print);
  const places = command.all ? await box.list(await box.count()) : command.places;
  return apply(box, command.verb, places, print);
}

interface Command {
  verb: 'list' | 'replay' | 'drop';
  places: Place[];
  all: boolean;
  limit: number;
  json: boolean;
}

function parse(args: readonly string[]): Command | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { all: { type: 'boolean' }, json: { type: 'boolean' }, limit: { type: 'string' } },
    });
    const [verb = '', ...rest] = positionals;
    const places = rest.map(placeOf);
    const limit = Number(values.limit ?? DEFAULT_LIMIT);
    const command = { places, all: values.all === true, limit, json: values.json === true };
    if (verb === 'list')
      return places.length === 0 && Number.isInteger(limit) && limit > 0 ? { verb, ...command } : null;
    // "everything" has to be said: a forgotten argument must not drop it
    if ((verb === 'replay' || verb === 'drop') && command.all !== places.length > 0) return { verb, ...command };
    return null;
  } catch {
    return null; // an unknown option, or a place that is none: the usage says it
  }
}

function placeOf(text: string): Place {
  const [, partition, id = ''] = PLACE.exec(text) ?? [];
  if (partition === undefined) throw new RangeError(`"${text}" is no place`);
  return { partition: Number(partition), id };
}

async function list(box: DeadLetterBox, { limit, json }: Command, print: (line: string) => void): Promise<number> {
  const letters = await box.list(limit);
  for (const letter of letters) print(json ? JSON.stringify(letter) : describe(letter));
  const count = await box.count();
  if (!json) print(count > letters.length ? `${letters.length} of ${count} dead letters` : `${count} dead letters`);
  return 0;
}

/** One letter is one line, whatever somebody wrote into it: JSON has no line breaks and no control characters. */
function describe({ partition, id, at, reason, fields }: DeadLetter): string {
  return `${partition}:${id}  ${new Date(at).toISOString()}  ${JSON.stringify(reason)}  ${JSON.stringify(fields)}`;
}

async function apply(
  box: DeadLetterBox,
  verb: 'replay' | 'drop',
  places: readonly Place[],
  print: (line: string) => void,
): Promise<number> {
  let done = 0;
  for (const { partition, id } of places) {
    if (await box[verb]({ partition, id })) done++;
    else print(`${partition}:${id} is no dead letter`);
  }
  print(`${done} ${verb === 'replay' ? 'replayed' : 'dropped'}`);
  return done === places.length ? 0 : 1;
}
