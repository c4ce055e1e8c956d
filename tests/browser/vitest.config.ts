import { defineConfig } from 'vitest/config';

// No `module`: those are builds for bundlers, which Node cannot load.
const conditions = ['confab-source', 'node', 'import', 'default'];

export default defineConfig({
  resolve: { conditions },
  // The global setup is loaded in an environment of its own.
  environments: { __vitest__: { resolve: { conditions } } },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    globalSetup: ['packages/testkit/src/global-setup.ts', 'tests/browser/build-page.ts'],
    include: ['tests/browser/**/*.browser.ts'],
    // One browser at a time: frame rates are measured.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
