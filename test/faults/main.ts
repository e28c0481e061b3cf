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
  --long             instead: kills of nodes, restarts of Redis and a deploy, under load, and a report
  --minutes NUMBER   for so long (60)
  --kill NUMBER      a node is killed every so many seconds (60)
  --redis NUMBER     Redis is restarted every so many seconds (300)
  --storm NUMBER     instead: so many clients with 10 private channels each reconnect, in front of a real Laravel: a table
  --clients NUMBER   cuts, deploys and the long run with so many clients (64, 48, 32)`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    cuts: { type: 'string' },
    deploys: { type: 'string' },
    old: { type: 'string' },
    long: { type: 'boolean', default: false },
    minutes: { type: 'string', default: '60' },
    kill: { type: 'string', default: '60' },
    redis: { type: 'string', default: '300' },
    storm: { type: 'string' },
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

async function runLong(): Promise<void> {
  const { default: build } = await import('../support/global-setup.ts');
  build();
  const { longRun } = await import('../resume/long-run.ts');
  const isRight = await longRun({
    minutes: Number(values.minutes),
    killSeconds: Number(values.kill),
    redisSeconds: Number(values.redis),
    clients: Number(values.clients ?? 32),
    seed: Number(values.seed),
  });
  process.exitCode = isRight ? 0 : 1;
}

const { seed, seeds, cuts, deploys, old, storm, clients, help } = values;
if (help) console.log(USAGE);
else if (values.long) await runLong();
else if (storm !== undefined)
  await runTests('test/laravel/auth/storm.test.ts', { STORM_CLIENTS: storm, STORM_CHANNELS: '10' });
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
