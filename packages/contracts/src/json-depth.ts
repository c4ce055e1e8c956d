/**
 * Whether a decoded value nests deeper than `limit`. Iterative: a hostile value may nest deeper than the stack. Binary content
 * counts as a leaf.
 */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level = containersIn([value]);
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = containersIn(level.flatMap((container) => Object.values(container)));
  }
  return false;
}

function containersIn(values: unknown[]): object[] {
  return values.filter(
    (value): value is object => typeof value === 'object' && value !== null && !ArrayBuffer.isView(value),
  );
}

/** Whether a decoded value has more than `limit` parts: elements of lists, and fields. Ends as soon as it has. */
export function isLargerThan(value: unknown, limit: number): boolean {
  let parts = 0;
  const containers = containersIn([value]);
  for (let container = containers.pop(); container; container = containers.pop()) {
    const inside: unknown[] = Array.isArray(container) ? container : Object.values(container);
    parts += inside.length;
    if (parts > limit) return true;
    containers.push(...containersIn(inside));
  }
  return false;
}
