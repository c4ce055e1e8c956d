/** Measures the system beside its peers and limits, in one run on one machine, and prints ratios. See docs/benchmarks.md. */

import { parseOptions } from './run/options.ts';
import { runBenchmark } from './run/run-benchmark.ts';

/** Source: what shells say of a command that Ctrl-C ended. */
const ENDED_EARLY = 130;

const ending = new AbortController();
// Every time, not once: of one Ctrl-C the terminal and the launcher both tell us, and the end in order takes a moment.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => ending.abort(new Error(`the benchmark was ended by ${signal}`)));
}

try {
  const options = parseOptions(process.argv.slice(2));
  process.exitCode = (await runBenchmark(options, (text) => console.log(text), ending.signal)) ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = ending.signal.aborted ? ENDED_EARLY : 1;
}
