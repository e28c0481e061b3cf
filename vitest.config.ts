import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['source'] } },
  resolve: { conditions: ['source'] },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    // Many tests are of real processes that share a machine with others; a second try is named at the end of the run.
    retry: process.env.CI === undefined ? 0 : 1,
    reporters: ['default', './test/support/summary.ts'],
    coverage: { include: ['protocol/**/*.ts', 'src/**/*.ts'] },
  },
});
