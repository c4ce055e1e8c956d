/** A profile as `node --cpu-prof` writes it. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  samples: number[];
  /** Microseconds before each sample. */
  timeDeltas: number[];
}

export interface ProfileShare {
  name: string;
  /** Of the time in which the process was not idle, 0 to 1. */
  share: number;
}

const NOT_WORK = new Set(['(idle)']);

/** Where the time went: in the function itself, and in it with everything that it calls; the largest first. */
export function summariseProfile(profile: CpuProfile): { self: ProfileShare[]; inclusive: ProfileShare[] } {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node.id])));
  const self = new Map<string, number>();
  const inclusive = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, i) => {
    const node = byId.get(id);
    const elapsed = profile.timeDeltas[i] ?? 0;
    if (!node || NOT_WORK.has(node.callFrame.functionName)) return;
    total += elapsed;
    add(self, nameOf(node), elapsed);
    const seen = new Set<string>();
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const ancestor = byId.get(at);
      if (ancestor) seen.add(nameOf(ancestor));
    }
    for (const name of seen) add(inclusive, name, elapsed);
  });
  return { self: sharesOf(self, total), inclusive: sharesOf(inclusive, total) };
}

const add = (sums: Map<string, number>, name: string, value: number) => sums.set(name, (sums.get(name) ?? 0) + value);

const sharesOf = (sums: Map<string, number>, total: number): ProfileShare[] =>
  [...sums].map(([name, value]) => ({ name, share: value / total })).sort((a, b) => b.share - a.share);

function nameOf({ callFrame: { functionName, url, lineNumber } }: CpuProfile['nodes'][number]): string {
  const file = url.replace(/^.*\/node_modules\//, '').replace(/^.*\/((packages|services)\/)/, '$1');
  return `${functionName || '(anonymous)'} ${file}${url ? `:${lineNumber + 1}` : ''}`.trim();
}
