import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const USAGE = `npm run faults -- [options]
  --seeds NUMBER   run every fault with so many seeds (20)
  --seed NUMBER    the first seed (1)
  --only TEXT      run only faults whose title contains this text, such as F12`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(USAGE);
else {
  const only = values.only === undefined ? [] : ['-t', values.only];
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/faults', ...only], {
    stdio: 'inherit',
    env: { ...process.env, FAULT_SEEDS: values.seeds, FAULT_SEED: values.seed },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}
