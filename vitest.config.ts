import { defineConfig } from 'vitest/config';

// No `module`: those are builds for bundlers, which Node cannot load. No `import`: it holds for imports by itself, and here it would hold
// for `require` too, which then gets the wrong build of packages that have two.
const conditions = ['confab-source', 'node', 'default'];

export default defineConfig({
  resolve: { conditions },
  // The global setup is loaded in an environment of its own.
  environments: { __vitest__: { resolve: { conditions } } },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    globalSetup: ['packages/testkit/src/global-setup.ts'],
    include: [
      'packages/*/{src,test}/**/*.test.{ts,tsx}',
      'services/*/{src,test}/**/*.test.{ts,tsx}',
      'tests/**/*.test.ts',
      'infra/**/*.test.ts',
    ],
    // Tests start whole systems of processes: more workers than this only make each other late.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 90_000,
  },
});
