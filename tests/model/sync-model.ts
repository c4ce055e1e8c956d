/**
 * Every interleaving of senders, editors, the hole filler and one client that syncs, with crashes between any two steps: does any order
 * let the client's cursor pass a write in flight? The steps are those of packages/chat (send-message, delete-message, sync-page).
 */

/** `design` is what is built; the others leave out one of its rules each, and must break. */
export type Variant =
  | 'design'
  /** One mark that all writers share. */
  | 'one-mark'
  /** A stamp and no mark. */
  | 'stamp-only'
  /** The client reads the conversation's counters after the rows. */
  | 'counters-last'
  /** The client goes on past a missing seq. */
  | 'past-holes';

interface Row {
  value: string;
  changeSeq: number;
  marks: string[];
}

interface World {
  seq: number;
  changeSeq: number;
  /** Row of each seq; index 0 is unused, a missing one is a hole. */
  rows: (Row | null)[];
  client: { seq: number; changeSeq: number; copy: string[] };
  voids: number;
  /** Where each process stands; `crashed` ones stay there. */
  at: number[];
  crashed: boolean[];
  /** What each process remembers between its steps. */
  memory: number[][];
}

/** A step of a process. @returns the step to go on with, where it is not the next one */
type Step = (world: World, memory: number[]) => number | undefined;

interface Process {
  name: string;
  steps: Step[];
  /** Steps before which it may crash: it has written something, and not everything. */
  crashesBefore: number[];
}

const VOID = 'void';

function sender(name: string): Process {
  const takeSeq: Step = (world, memory) => {
    memory[0] = ++world.seq;
    return undefined;
  };
  const insert: Step = (world, memory) => {
    const seq = memory[0] ?? 0;
    // The unique index refuses a seq that the hole filler has taken: then another one.
    if (world.rows[seq]) return 0;
    world.rows[seq] = { value: name, changeSeq: 0, marks: [] };
    return undefined;
  };
  return { name, steps: [takeSeq, insert], crashesBefore: [1] };
}

function editor(name: string, seq: number, variant: Variant): Process {
  const mark = variant === 'one-mark' ? 'shared' : name;
  const row = (world: World) => world.rows[seq] as Row;
  const change: Step = (world) => {
    row(world).value += name;
    if (variant === 'stamp-only') return undefined;
    if (variant === 'one-mark') row(world).marks = [mark];
    else row(world).marks.push(mark);
    return undefined;
  };
  const takeNumber: Step = (world, memory) => {
    memory[0] = ++world.changeSeq;
    return undefined;
  };
  const stamp: Step = (world, memory) => {
    row(world).changeSeq = Math.max(row(world).changeSeq, memory[0] ?? 0);
    row(world).marks = row(world).marks.filter((other) => other !== mark);
    return undefined;
  };
  return { name, steps: [change, takeNumber, stamp], crashesBefore: [1, 2] };
}

const COUNTED_SEQ = 0;
const COUNTED_CHANGE = 1;
const REACHED = 2;

const readCounters: Step = (world, memory) => {
  memory[COUNTED_SEQ] = world.seq;
  memory[COUNTED_CHANGE] = world.changeSeq;
  return undefined;
};

const readNewRows =
  (variant: Variant): Step =>
  ({ client, rows }, memory) => {
    const bound = variant === 'counters-last' ? rows.length - 1 : (memory[COUNTED_SEQ] ?? 0);
    let reached = client.seq;
    for (let seq = client.seq + 1; seq <= bound; seq++) {
      const row = rows[seq];
      if (!row && variant !== 'past-holes') break;
      if (row) client.copy[seq] = row.value;
      reached = seq;
    }
    memory[REACHED] = reached;
    return undefined;
  };

const readChanges: Step = ({ client, rows }, memory) => {
  for (let seq = 1; seq <= (memory[REACHED] ?? 0); seq++) {
    const row = rows[seq];
    if (row && (row.changeSeq > client.changeSeq || row.marks.length > 0)) client.copy[seq] = row.value;
  }
  return undefined;
};

const moveCursor: Step = ({ client }, memory) => {
  client.seq = memory[REACHED] ?? 0;
  client.changeSeq = memory[COUNTED_CHANGE] ?? 0;
  return undefined;
};

function syncing(times: number, variant: Variant): Process {
  const fresh = readNewRows(variant);
  const once =
    variant === 'counters-last'
      ? [fresh, readChanges, readCounters, moveCursor]
      : [readCounters, fresh, readChanges, moveCursor];
  return { name: 'C', steps: Array.from({ length: times }, () => once).flat(), crashesBefore: [] };
}

function begin(processes: readonly Process[]): World {
  const row = (value: string): Row => ({ value, changeSeq: 0, marks: [] });
  return {
    seq: 2,
    changeSeq: 0,
    rows: [null, row('a'), row('b')],
    client: { seq: 0, changeSeq: 0, copy: [] },
    voids: 0,
    at: processes.map(() => 0),
    crashed: processes.map(() => false),
    memory: processes.map(() => []),
  };
}

function copyOf(world: World): World {
  return {
    ...world,
    rows: world.rows.map((row) => row && { ...row, marks: [...row.marks] }),
    client: { ...world.client, copy: [...world.client.copy] },
    at: [...world.at],
    crashed: [...world.crashed],
    memory: world.memory.map((values) => [...values]),
  };
}

/** Every world that one step of anybody leads to. */
function* successors(world: World, processes: readonly Process[]): Generator<{ next: World; by: string }> {
  for (const [i, { name, steps, crashesBefore }] of processes.entries()) {
    const at = world.at[i] ?? 0;
    const step = steps[at];
    if (!step || world.crashed[i]) continue;
    const next = copyOf(world);
    next.at[i] = step(next, next.memory[i] as number[]) ?? at + 1;
    yield { next, by: `${name}${at}` };
    if (!crashesBefore.includes(at)) continue;
    const crashed = copyOf(world);
    crashed.crashed[i] = true;
    yield { next: crashed, by: `${name} crashes` };
  }
}

/** Two voids at most: a filler that is faster than every sender for ever would be another question. */
const MAX_VOIDS = 2;

function* fillings(world: World): Generator<{ next: World; by: string }> {
  if (world.voids >= MAX_VOIDS) return;
  for (let seq = 1; seq <= world.seq; seq++) {
    if (world.rows[seq]) continue;
    const next = copyOf(world);
    next.voids++;
    next.rows[seq] = { value: VOID, changeSeq: 0, marks: [] };
    yield { next, by: `void ${seq}` };
  }
}

/** Everything settles (holes are filled, marks of the dead are finished), the client syncs once more, and has what is stored? */
function missing(end: World): string | null {
  const world = copyOf(end);
  for (let seq = 1; seq <= world.seq; seq++) world.rows[seq] ??= { value: VOID, changeSeq: 0, marks: [] };
  for (const row of world.rows) {
    for (; row && row.marks.length > 0; row.marks.shift()) row.changeSeq = ++world.changeSeq;
  }
  const memory: number[] = [];
  for (const step of syncing(1, 'design').steps) step(world, memory);
  for (let seq = 1; seq <= world.seq; seq++) {
    const [has, stored] = [world.client.copy[seq], world.rows[seq]?.value];
    if (has !== stored) return `of message ${seq} the client has ${has}, the store ${stored}`;
  }
  return null;
}

export interface Verdict {
  states: number;
  /** How it breaks: what is missing in the end, and the order of steps that leads there. Null if it holds. */
  broken: { why: string; order: string[] } | null;
}

function explore(processes: readonly Process[]): Verdict {
  const seen = new Set<string>();
  const stack: { world: World; order: string[] }[] = [{ world: begin(processes), order: [] }];
  for (let node = stack.pop(); node; node = stack.pop()) {
    const key = JSON.stringify(node.world);
    if (seen.has(key)) continue;
    seen.add(key);
    const moves = [...successors(node.world, processes)];
    for (const { next, by } of [...moves, ...fillings(node.world)]) {
      stack.push({ world: next, order: [...node.order, by] });
    }
    const why = moves.length === 0 ? missing(node.world) : null;
    if (why) return { states: seen.size, broken: { why, order: node.order } };
  }
  return { states: seen.size, broken: null };
}

/** Walks every scenario of one variant, to the first order of steps that breaks it. */
export function checkSyncModel(variant: Variant): Verdict {
  const edit = (name: string, seq: number) => editor(name, seq, variant);
  const scenarios = [
    [edit('E', 1), edit('F', 1), syncing(2, variant)],
    [edit('E', 1), edit('F', 2), syncing(2, variant)],
    [sender('S'), sender('T'), syncing(3, variant)],
    [sender('S'), edit('E', 2), syncing(3, variant)],
    [sender('S'), edit('E', 1), edit('F', 1), syncing(2, variant)],
  ];
  let states = 0;
  for (const processes of scenarios) {
    const verdict = explore(processes);
    states += verdict.states;
    if (verdict.broken) return { states, broken: verdict.broken };
  }
  return { states, broken: null };
}
