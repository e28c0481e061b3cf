/** Transitions in the outbox of several nodes, after crashes, repeated scripts, lost answers and lost data. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { CHANNELS, OutboxModel, type Step, USERS } from './outbox-model.ts';

/** Repeats the runs of a seed, which a failure prints. */
const { SEED } = process.env;
/** At least 200 lives of channels and members together. */
const RUNS = Number(process.env.RUNS ?? 24);
const LEAST_LIVES_PER_RUN = 9;

const weights: Record<Step['what'], number> = { enter: 44, leave: 70, crash: 3, cut: 3, compare: 3, wipe: 1 };
const step: fc.Arbitrary<Step> = fc.record({
  node: fc.nat(2),
  channel: fc.constantFrom(...CHANNELS),
  user: fc.constantFrom(...USERS),
  what: fc.oneof(
    ...Object.entries(weights).map(([what, weight]) => ({
      weight,
      arbitrary: fc.constant(what as Step['what']),
    })),
  ),
  pauseMs: fc.oneof(fc.constant(0), fc.nat(5), fc.nat(80)),
});

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

test(
  '9.4 transitions alternate; none is missing and none invented, by what the nodes were told to do',
  { timeout: 30_000 * RUNS },
  async () => {
    let lives = 0;
    const steps = fc.array(step, { minLength: 90, maxLength: 130 });
    await fc.assert(
      fc.asyncProperty(fc.nat(), steps, async (seed, each) => {
        const model = new OutboxModel(redis.port, seed);
        expect(await model.run(each)).toEqual([]);
        lives += model.lives;
      }),
      { numRuns: RUNS, endOnFailure: true, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
    );
    expect(lives).toBeGreaterThanOrEqual(LEAST_LIVES_PER_RUN * RUNS);
  },
);
