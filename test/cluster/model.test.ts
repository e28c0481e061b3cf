import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type Without, World } from './world.ts';

/** `SEED=7` lives that one life again; `SEEDS=200` lives that many. The steps are the seed's, their timing is not. */
const seeds =
  process.env.SEED !== undefined
    ? [Number(process.env.SEED)]
    : Array.from(
        { length: Number(process.env.SEEDS ?? 3) },
        (_, at) => at + Number(process.env.FIRST_SEED ?? 1),
      );
const STEPS = Number(process.env.STEPS ?? 250);
const LANES = Math.min(3, seeds.length);

const DATA_LOSS: Without = ['wipe', 'restart', 'save'];

let servers: TestRedis[];
beforeAll(async () => void (servers = await Promise.all(Array.from({ length: LANES }, () => startRedis()))));
afterAll(() => Promise.all(servers.map((server) => server.close())));

/** Several lives at once, each on a Redis of its own. */
async function lives(without: Without): Promise<void> {
  const waiting = [...seeds];
  const failures: string[] = [];
  let transitions = 0;
  const lane = async (server: TestRedis): Promise<void> => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const world = new World(server, seed);
      const found = await world.live(STEPS, without);
      transitions += world.transitions;
      if (found.length > 0) failures.push([`SEED=${seed}`, ...found].join('\n  '));
      if (found.length > 0 && process.env.VERBOSE) console.log(failures.at(-1));
    }
  };
  await Promise.all(servers.map(lane));
  expect(failures, `${failures.length} of ${seeds.length} seeds failed`).toEqual([]);
  // A life in which nothing happened would prove nothing.
  expect(transitions).toBeGreaterThan(seeds.length * STEPS * 0.1);
}

describe('membership of several nodes', () => {
  const timeout = 60_000 + seeds.length * 40_000;

  test(
    '4.4 comings and goings alternate and rosters agree after crashes, repeats and lost answers',
    { timeout },
    () => lives(DATA_LOSS),
  );

  test('4.4 rosters agree after Redis lost its data, went back in time or was another', { timeout }, () =>
    lives([]),
  );
});
