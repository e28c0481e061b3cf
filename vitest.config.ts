import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { LIMIT_MS } from './test/support/limit.ts';

/** Judges a measured ratio: nothing else may run beside it. */
const MEASURING = 'test/bench/gate.test.ts';

/** Folders whose other tests start nothing: no server, no Redis, no program but openssl. */
const UNIT = 'test/{protocol,core,contracts,http,net,config,transports,observability}/**/*.test.ts';
/** Tests in these folders that start servers, Redis, proxies or PHP. */
const STARTING = [
  'test/config/dotenv/dotenv.test.ts',
  'test/config/{env-file,start}.test.ts',
  'test/contracts/redis*.test.ts',
  'test/transports/{behind-proxies,held-sockets,leaving,receipts,slow-readers,sockets,tls}.test.ts',
];
const OTHERS = 'test/!(protocol|core|contracts|http|net|config|transports|observability)/**/*.test.ts';

const sources = {
  ssr: { resolve: { conditions: ['source'] } },
  resolve: { conditions: ['source'] },
};

const limits = {
  testTimeout: 20_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: LIMIT_MS } },
  // Many tests are of real processes that share a machine with others; a further try is named at the end of the run.
  retry: process.env.CI === undefined ? 0 : 2,
};

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', './test/support/summary.ts'],
    // Most tests wait for processes of their own: two cores are not busy with three files at a time.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    coverage: { include: ['protocol/**/*.ts', 'src/**/*.ts'] },
    projects: [
      {
        ...sources,
        test: {
          ...limits,
          name: 'unit',
          // These files share their modules: loading them again for each file takes longer than the tests.
          isolate: false,
          include: [UNIT],
          exclude: [...configDefaults.exclude, ...STARTING],
        },
      },
      {
        ...sources,
        test: {
          ...limits,
          name: 'processes',
          include: [OTHERS, ...STARTING],
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
