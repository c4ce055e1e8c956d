/** Measures the system beside its peers and limits, in one run on one machine, and prints ratios. See docs/benchmarks.md. */

import { parseOptions } from './run/options.ts';
import { runBenchmark } from './run/run-benchmark.ts';

try {
  const options = parseOptions(process.argv.slice(2));
  process.exitCode = (await runBenchmark(options, (text) => console.log(text))) ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
