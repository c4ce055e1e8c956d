// Runs a TypeScript entry of the project with the workspace's own Node: node infra/launch/run-ts.mjs FILE [arguments]
import { become, ensureInstalled } from './bootstrap.mjs';

try {
  await ensureInstalled();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
become(process.argv.slice(2));
