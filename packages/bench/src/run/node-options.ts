/** NODE_OPTIONS of the processes of ours that are measured, to profile them: `BENCH_NODE_OPTIONS="--cpu-prof --cpu-prof-dir=DIR"`. */
export const subjectNodeOptions = (): Record<string, string> =>
  process.env.BENCH_NODE_OPTIONS ? { NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS } : {};
