import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const USAGE = `npm run faults -- [options]
  --seeds NUMBER     run every fault with so many seeds (20)
  --seed NUMBER      the first seed (1)
  --only TEXT        run only faults whose title contains this text, such as F12
  --cuts NUMBER      instead: cut so many connections at random points, on one node and on three
  --deploys NUMBER   instead: so many rolling deploys of three nodes behind HAProxy
  --old PATH         every other deploy is to this build: its dist/src/cli/main.js
  --clients NUMBER   cuts and deploys with so many clients (64, 48)`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    cuts: { type: 'string' },
    deploys: { type: 'string' },
    old: { type: 'string' },
    clients: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

/** Runs the tests of a file or folder with these variables. */
async function runTests(path: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const only = values.only === undefined ? [] : ['-t', values.only];
  const args = ['node_modules/vitest/vitest.mjs', 'run', path, ...only];
  const set = Object.entries(env).filter(([, value]) => value !== undefined);
  const child = spawn(process.execPath, args, {
    stdio: 'inherit',
    env: { ...process.env, ...Object.fromEntries(set) },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}

const { seed, seeds, cuts, deploys, old, clients, help } = values;
if (help) console.log(USAGE);
else if (cuts !== undefined)
  await runTests('test/resume/cuts.test.ts', {
    FAULT_SEED: seed,
    RESUME_CUTS: cuts,
    RESUME_CLIENTS: clients,
  });
else if (deploys !== undefined)
  await runTests('test/resume/deploys.test.ts', {
    RESUME_DEPLOYS: deploys,
    RESUME_OLD_MAIN: old,
    RESUME_CLIENTS: clients,
  });
else await runTests('test/faults', { FAULT_SEEDS: seeds, FAULT_SEED: seed });
