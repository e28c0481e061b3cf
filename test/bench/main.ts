/** `npm run bench`: compares Wavehall with the kernel's floor, a naive server, and any other server of the same protocol. */
import { parseArgs } from 'node:util';
import { run } from './run.ts';
import { SCENARIOS } from './scenarios/index.ts';

const USAGE = `npm run bench -- [options]
  --against NAME=HOST:PORT,ID,KEY,SECRET[,PID[,MAX_SOCKETS]]
                 also measure a server that already runs; its CPU and memory if PID is given. Can be repeated
  --only NAMES   run only these scenarios, separated by commas:
                 ${SCENARIOS.map(({ name }) => name).join(', ')}
  --quick        run few short rounds with a fifth of the sockets
  --rounds N     number of rounds (6); more rounds give steadier figures
  --json         print everything as JSON
  --write-docs   write the figures into docs/performance.md
  --workers      generate the load with worker threads of Node, even if there is a C compiler`;

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
