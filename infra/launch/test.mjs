// npm test: everything that this machine can run, and a list of what it could not.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ensureInstalled, node, root } from './bootstrap.mjs';
import { ensureWebBuilt } from './build-web.mjs';
import { provide } from './requirements.mjs';

/** Each suite: the test files it takes, and what it needs beside Node. Arguments of `npm test` choose suites by name. */
const SUITES = [
  { name: 'unit, adapter and end-to-end tests', key: 'main', needs: ['redis'], args: [] },
  {
    name: 'browser tests',
    key: 'browser',
    needs: ['redis', 'chromium'],
    args: ['--config', 'tests/browser/vitest.config.ts'],
  },
];

const results = path.join(root, '.data/test');

async function main() {
  await ensureInstalled();
  await ensureWebBuilt();
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const wanted = process.argv.slice(2);
  const total = { passed: 0, failed: 0 };
  const notRun = [];
  for (const suite of SUITES) {
    if (wanted.length > 0 && !wanted.includes(suite.key)) {
      notRun.push(`${suite.name}: not asked for`);
      continue;
    }
    const missing = provide(suite.needs);
    if (missing.length > 0)
      notRun.push(...missing.map(({ name, advice }) => `${suite.name}: ${name} is missing; ${advice}`));
    else add(total, await runSuite(suite));
  }
  for (const line of notRun) process.stdout.write(`not run: ${line}\n`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  const incomplete = notRun.length > 0 && (process.env.CI === 'true' || total.passed === 0) && wanted.length === 0;
  process.exitCode = total.failed > 0 || incomplete ? 1 : 0;
}

function add(total, { passed, failed }) {
  total.passed += passed;
  total.failed += failed;
}

async function runSuite(suite) {
  const report = path.join(results, `${suite.key}.json`);
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', ...suite.args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await exitCode(spawn(node, args, { cwd: root, stdio: 'inherit' }));
  return readReport(report, code);
}

const exitCode = (child) => new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));

/** A run that ended badly without saying which test failed counts as one failure: it is never a success. */
function readReport(file, code) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const failedFiles = report.testResults.filter(
      (result) => result.status === 'failed' && result.assertionResults.every((a) => a.status !== 'failed'),
    );
    const unfinished = report.numPendingTests + report.numTodoTests;
    const failed = report.numFailedTests + failedFiles.length + unfinished;
    return { passed: report.numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
  } catch (error) {
    process.stderr.write(`no test report: ${error.message}\n`);
    return { passed: 0, failed: 1 };
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = 1;
});
