import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type ExcludedSteps, ModelCluster } from './model-cluster.ts';

/** `SEED=7` runs that seed again; `SEEDS=200` runs that many. The seed decides the steps, not their timing. */
const seeds =
  process.env.SEED !== undefined
    ? [Number(process.env.SEED)]
    : Array.from(
        { length: Number(process.env.SEEDS ?? 3) },
        (_, at) => at + Number(process.env.FIRST_SEED ?? 1),
      );
const STEPS = Number(process.env.STEPS ?? 250);
const PARALLEL = Math.min(3, seeds.length);

const DATA_LOSS: ExcludedSteps = ['wipe', 'restart', 'save'];

let servers: TestRedis[];
beforeAll(
  async () => void (servers = await Promise.all(Array.from({ length: PARALLEL }, () => startRedis()))),
);
afterAll(() => Promise.all(servers.map((server) => server.close())));

/** Runs several seeds at once, each on its own Redis. */
async function runSeeds(without: ExcludedSteps): Promise<void> {
  const remaining = [...seeds];
  const failures: string[] = [];
  let transitions = 0;
  const runOn = async (server: TestRedis): Promise<void> => {
    for (let seed = remaining.shift(); seed !== undefined; seed = remaining.shift()) {
      const model = new ModelCluster(server, seed);
      const found = await model.run(STEPS, without);
      transitions += model.transitions;
      if (found.length > 0) failures.push([`SEED=${seed}`, ...found].join('\n  '));
      if (found.length > 0 && process.env.VERBOSE) console.log(failures.at(-1));
    }
  };
  await Promise.all(servers.map(runOn));
  expect(failures, `${failures.length} of ${seeds.length} seeds failed`).toEqual([]);
  // Without transitions the run has checked nothing.
  expect(transitions).toBeGreaterThan(seeds.length * STEPS * 0.1);
}

describe('membership of several nodes', () => {
  const timeout = 60_000 + seeds.length * 40_000;

  test(
    '4.4 joins and leaves alternate, and all nodes have the same rosters after crashes, repeated scripts and lost answers',
    { timeout },
    () => runSeeds(DATA_LOSS),
  );

  test(
    '4.4 all nodes have the same rosters after Redis lost its data, restored old data or was replaced',
    { timeout },
    () => runSeeds([]),
  );
});
