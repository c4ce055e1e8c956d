// A reporter of vitest that says in a few lines what a run came to, for npm test and for the end of a long output.
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** The environment variable that names the file of the outcome. */
export const OUTCOME_FILE = 'CONFAB_TEST_OUTCOME';

/** Writes {passed, failures} as JSON: how many tests passed, and a line for each thing that did not. */
export default class OutcomeReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const outcome = {
      passed: modules.flatMap((module) => testsOf(module)).filter((test) => test.result().state === 'passed').length,
      failures: [
        ...modules.flatMap(failuresOf),
        ...unhandledErrors.map((error) => `outside of tests: ${textOf(error)}`),
      ],
    };
    writeFileSync(process.env[OUTCOME_FILE], JSON.stringify(outcome));
  }
}

const testsOf = (module) => [...module.children.allTests()];

/** Of a file whose process ended before it was through, the tests that were not reached count too: nothing is left out silently. */
function failuresOf(module) {
  const file = path.relative(process.cwd(), module.moduleId);
  const own = module.errors().map((error) => `${file}: ${textOf(error)}`);
  for (const suite of module.children.allSuites())
    own.push(...suite.errors().map((e) => `${file} > ${suite.fullName}: ${textOf(e)}`));
  const tests = testsOf(module)
    .filter((test) => test.result().state !== 'passed')
    .map((test) => `${file} > ${test.fullName}: ${reasonOf(test.result())}`);
  const unfinished = module.state() === 'queued' || module.state() === 'pending';
  return [...(unfinished ? [`${file}: did not finish`] : []), ...own, ...tests];
}

function reasonOf({ state, errors, note }) {
  if (state === 'failed') return errors.map(textOf).join(' | ');
  return state === 'skipped' ? `skipped${note ? ` (${note})` : ''}` : 'did not finish';
}

/** The first lines of an error, and of what it says caused it. */
function textOf(error) {
  const text = (error.stack ?? error.message).split('\n').slice(0, 4).join(' | ').slice(0, 600);
  return error.cause ? `${text}; because of: ${textOf(error.cause)}` : text;
}
