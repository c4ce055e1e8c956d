import { defineConfig } from 'vitest/config';

const conditions = ['confab-source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
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
