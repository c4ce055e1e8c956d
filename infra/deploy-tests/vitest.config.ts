import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// No `module`: those are builds for bundlers, which Node cannot load.
const conditions = ['confab-source', 'node', 'import', 'default'];

/** `npm run test:deploy`: what can be checked of a deployment without a container engine. Needs Debian's tools; see `tools.ts`. */
export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  // The global setup is loaded in an environment of its own.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    include: ['infra/deploy-tests/**/*.deploy-test.ts'],
    // Files share the images that they build.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 600_000,
  },
});
