/** `npm run bench`: Wavehall beside the kernel's floor, a naive server, and any other of the same protocol. */
import { parseArgs } from 'node:util';
import { run } from './run.ts';
import { SCENARIOS } from './scenarios/index.ts';

const USAGE = `npm run bench -- [options]
  --against NAME=HOST:PORT,ID,KEY,SECRET[,PID[,MOST_SOCKETS]]
                 a server that runs already; with its PID there are CPU and memory of it. More than once is fine
  --only NAMES   ${SCENARIOS.map(({ name }) => name).join(', ')}
  --quick        few short rounds with a fifth of the sockets
  --rounds N     how often each server has its turn (6); more is steadier
  --json         everything as JSON
  --write-docs   puts the figures into docs/performance.md, each scenario in its place
  --workers      the load is made by worker threads of Node, even where there is a compiler`;

const options = {
  against: { type: 'string', multiple: true },
  only: { type: 'string' },
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  json: { type: 'boolean', default: false },
  'write-docs': { type: 'boolean', default: false },
  workers: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options });
  if (values.help) console.log(USAGE);
  else await run({ ...values, against: values.against ?? [] });
}

await main();
