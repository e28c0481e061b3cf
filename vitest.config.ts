import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

/** What is measured against a ratio: nothing else may run beside it. */
const MEASURING = 'test/bench/*.test.ts';

const sources = {
  ssr: { resolve: { conditions: ['source'] } },
  resolve: { conditions: ['source'] },
};

const limits = {
  testTimeout: 20_000,
  hookTimeout: 60_000,
  // Many tests are of real processes that share a machine with others; a further try is named at the end of the run.
  retry: process.env.CI === undefined ? 0 : 2,
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary.ts'],
    // Most tests wait for processes of their own: two cores are not busy with two files at a time.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    coverage: { include: ['protocol/**/*.ts', 'src/**/*.ts'] },
    projects: [
      {
        ...sources,
        test: {
          ...limits,
          name: 'server',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, MEASURING],
        },
      },
      {
        ...sources,
        // After all others, one file at a time.
        test: {
          ...limits,
          name: 'bench',
          include: [MEASURING],
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
