// npm test: everything that this machine can run, and a list of what it could not.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { ensureInstalled, node, root } from './bootstrap.mjs';
import { ensureWebBuilt } from './build-web.mjs';
import { OUTCOME_FILE } from './outcome-reporter.mjs';
import { provide } from './requirements.mjs';

/** Each suite: what it needs beside Node, and the arguments of its test run. `npm test -- NAME` runs one of them. */
const SUITES = [
  { name: 'unit, adapter and end-to-end tests', key: 'main', needs: ['redis'], args: [] },
  {
    name: 'browser tests',
    key: 'browser',
    needs: ['redis', 'chromium'],
    args: ['--config', 'tests/browser/vitest.config.ts'],
  },
];

/** Suites that run only by name: they repeat others in another environment, or take long. */
const EXTRA_SUITES = [
  {
    name: 'uploads on an S3-compatible server',
    key: 's3',
    needs: ['redis', 'ceph'],
    args: ['--config', 'tests/s3/vitest.config.ts'],
  },
  {
    name: 'deployment tests',
    key: 'deploy',
    needs: ['redis', 'nginx', 'deployment'],
    args: ['--config', 'infra/deploy-tests/vitest.config.ts'],
  },
  {
    name: 'end-to-end tests and conformance on the server of MONGODB_URL',
    key: 'second-store',
    needs: ['redis'],
    args: ['tests/e2e', 'packages/mongo', 'packages/embedded-mongo'],
  },
];

const results = path.join(root, '.data/test');

async function main() {
  await ensureInstalled();
  await ensureWebBuilt();
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const wanted = process.argv.slice(2);
  const chosen =
    wanted.length === 0 ? SUITES : [...SUITES, ...EXTRA_SUITES].filter((suite) => wanted.includes(suite.key));
  if (chosen.length === 0) throw new Error(`no suite is called ${wanted.join(' ')}`);
  const total = { passed: 0, failed: 0, failures: [] };
  const notRun = [];
  for (const suite of chosen) {
    const missing = provide(suite.needs);
    notRun.push(...missing.map(({ name, advice }) => `${suite.name}: ${name} is missing; ${advice}`));
    if (missing.length === 0) add(total, await runSuite(suite));
  }
  for (const line of notRun) process.stdout.write(`not run: ${line}\n`);
  for (const line of total.failures) process.stdout.write(`failed: ${line}\n`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  const incomplete = notRun.length > 0 && (process.env.CI === 'true' || total.passed === 0);
  process.exitCode = total.failed > 0 || incomplete ? 1 : 0;
}

function add(total, { passed, failed, failures }) {
  total.passed += passed;
  total.failed += failed;
  total.failures.push(...failures);
}

async function runSuite(suite) {
  const outcome = path.join(results, `${suite.key}.json`);
  const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
  const reporter = path.join(root, 'infra/launch/outcome-reporter.mjs');
  const args = [vitest, 'run', ...suite.args, '--reporter=default', `--reporter=${reporter}`];
  const env = { ...process.env, [OUTCOME_FILE]: outcome };
  return readOutcome(outcome, await exitCode(spawn(node, args, { cwd: root, env, stdio: 'inherit' })));
}

const exitCode = (child) => new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));

/** A run that ended badly without saying which test failed counts as one failure: it is never a success. */
function readOutcome(file, code) {
  try {
    const { passed, failures } = JSON.parse(readFileSync(file, 'utf8'));
    if (failures.length === 0 && code !== 0) failures.push(`no test, but the run ended with code ${code} (see above)`);
    return { passed, failed: failures.length, failures };
  } catch (error) {
    return { passed: 0, failed: 1, failures: [`no outcome of the tests: ${error.message}`] };
  }
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exitCode = 1;
});
