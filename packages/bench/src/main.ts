/** Measures the system beside its peers and limits, in one run on one machine, and prints ratios. See docs/benchmarks.md. */

import { parseOptions } from './run/options.ts';
import { runBenchmark } from './run/run-benchmark.ts';

// What was started ends with this process by its exit handlers, which a signal alone does not run.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

try {
  const options = parseOptions(process.argv.slice(2));
  process.exitCode = (await runBenchmark(options, (text) => console.log(text))) ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
