import { randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Endpoint } from '../support/wire-http.ts';
import { ALLOWANCES, AVOIDED } from './allowances.ts';
import type { Allowance } from './allowances.ts';
import { StepRunner, differenceOf } from './run-steps.ts';
import type { Step } from './run-steps.ts';
import { StepGenerator } from './random-steps.ts';
import { parseEndpoint } from './target.ts';

const USAGE = `npx tsx --conditions=source test/conformance/random-runs.ts [options]
  --a HOST:PORT,ID,KEY,SECRET  one server, without rate limits for messages and client events
  --b HOST:PORT,ID,KEY,SECRET  another server
  --steps N                    number of steps (600)
  --seed N                     seed of the steps (random by default)
  --strict                     compares also what is known to differ in Laravel Reverb`;

/** The first step with different results on two servers. */
export interface Divergence {
  readonly seed: number;
  readonly number: number;
  readonly step: Step;
  readonly a: unknown;
  readonly b: unknown;
}

/** Runs the steps of one seed on two servers, and compares every frame and every answer after each step. */
export const compareRuns = async (
  [a, b]: readonly [Endpoint, Endpoint],
  seed: number,
  steps: number,
  allowances: readonly Allowance[],
): Promise<Divergence | undefined> => {
  const runners = [new StepRunner(a), new StepRunner(b)] as const;
  const generator = new StepGenerator(seed, randomBytes(3).toString('hex'));
  try {
    for (let number = 1; number <= steps; number += 1) {
      const step = generator.next();
      const events = await Promise.all([runners[0].run(step), runners[1].run(step)]);
      const difference = differenceOf(step, events, allowances);
      if (difference) return { seed, number, step, a: difference[0], b: difference[1] };
    }
    return undefined;
  } finally {
    await Promise.all(runners.map((runner) => runner.end()));
  }
};

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      a: { type: 'string' },
      b: { type: 'string' },
      steps: { type: 'string', default: '600' },
      seed: { type: 'string' },
      strict: { type: 'boolean', default: false },
    },
  });
  if (values.a === undefined || values.b === undefined) {
    console.log(USAGE);
    return 2;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const steps = Number(values.steps);
  const allowances = values.strict ? [] : ALLOWANCES;
  for (const { id, why } of allowances) console.log(`allowed  ${id}: ${why}`);
  for (const what of AVOIDED) console.log(`avoided  ${what}`);
  const found = await compareRuns(
    [parseEndpoint(values.a), parseEndpoint(values.b)],
    seed,
    steps,
    allowances,
  );
  if (!found) {
    console.log(`seed ${seed}: ${steps} steps, no difference`);
    return 0;
  }
  console.log(`seed ${seed}: step ${found.number} differs: ${JSON.stringify(found.step)}`);
  console.log(`a: ${JSON.stringify(found.a)}\nb: ${JSON.stringify(found.b)}`);
  return 1;
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main();
