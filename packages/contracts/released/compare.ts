import type { Contract, Direction } from './current.ts';

interface Node {
  type?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Node[];
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
  required?: string[];
  items?: Node;
  additionalProperties?: boolean | Node;
}

/**
 * What a caller or a service of the last release would trip over.
 * @returns one line per breaking change; none if this build can run beside that release
 */
export function breakingChanges(released: Record<string, Contract>, current: Record<string, Contract>): string[] {
  return Object.entries(released).flatMap(([name, { direction, schema }]) => {
    const now = current[name];
    return now ? compare(name, schema as Node, now.schema as Node, direction) : [`${name}: removed`];
  });
}

function compare(at: string, was: Node, is: Node, direction: Direction): string[] {
  if (was.anyOf || is.anyOf) return compareUnions(at, was.anyOf ?? [was], is.anyOf ?? [is], direction);
  if (kindOf(was) !== kindOf(is)) return [`${at}: was ${kindOf(was)}, is ${kindOf(is)}`];
  return [
    ...compareProperties(at, was, is, direction),
    ...compareRecords(at, was, is, direction),
    ...compareOthers(at, was, is, direction),
    ...(was.items && is.items ? compare(`${at}[]`, was.items, is.items, direction) : []),
  ];
}

/** A value that was accepted must still be; one that is given anew, nobody of the last release knows. */
function compareUnions(at: string, was: Node[], is: Node[], direction: Direction): string[] {
  const [must, may] = direction === 'accepted' ? [was, is] : [is, was];
  const kinds = new Set(may.map(kindOf));
  const missing = must
    // a new name in a list of names (an error code, an event type) is skipped by who does not know it
    .filter((node) => !(direction === 'given' && typeof node.const === 'string'))
    .filter((node) => !kinds.has(kindOf(node)))
    .map(kindOf);
  const verb = direction === 'accepted' ? 'no longer accepts' : 'now gives';
  const common = was.flatMap((node) => {
    // of several objects, it is enough that one takes the place of the former one
    const heirs = is
      .filter((other) => kindOf(other) === kindOf(node))
      .map((other) => compare(at, node, other, direction));
    return heirs.some((changes) => changes.length === 0) ? [] : (heirs[0] ?? []);
  });
  return [...missing.map((kind) => `${at}: ${verb} ${kind}`), ...common];
}

function compareProperties(at: string, was: Node, is: Node, direction: Direction): string[] {
  const [before, after] = [was.properties ?? {}, is.properties ?? {}];
  const changes = Object.entries(before).flatMap(([name, node]) => {
    const now = after[name];
    return now ? compare(`${at}.${name}`, node, now, direction) : [`${at}.${name}: removed`];
  });
  const [wasRequired, isRequired] = [was.required ?? [], is.required ?? []];
  const broken =
    direction === 'accepted'
      ? isRequired.filter((name) => !wasRequired.includes(name)).map((name) => `${at}.${name}: is now required`)
      : wasRequired
          .filter((name) => !isRequired.includes(name) && name in after)
          .map((name) => `${at}.${name}: may now be absent`);
  return [...changes, ...broken];
}

/** Values under keys of a pattern. Whether another pattern is wider cannot be told, so it counts as another one. */
function compareRecords(at: string, was: Node, is: Node, direction: Direction): string[] {
  return Object.entries(was.patternProperties ?? {}).flatMap(([keys, node]) => {
    const now = is.patternProperties?.[keys];
    return now ? compare(`${at}{${keys}}`, node, now, direction) : [`${at}{${keys}}: removed`];
  });
}

/** Fields without a name of their own. */
function compareOthers(at: string, was: Node, is: Node, direction: Direction): string[] {
  const [before, after] = [was.additionalProperties ?? true, is.additionalProperties ?? true];
  if (typeof before === 'object' && typeof after === 'object') return compare(`${at}{}`, before, after, direction);
  return direction === 'accepted' && before !== false && after === false
    ? [`${at}: no longer accepts other fields`]
    : [];
}

/** The type as text; literals and enumerations with their values. */
function kindOf(node: Node): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum)
    return [...node.enum]
      .map((value) => JSON.stringify(value))
      .sort()
      .join(' or ');
  return node.type ?? 'anything';
}
