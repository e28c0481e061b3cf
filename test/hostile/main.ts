import { parseArgs } from 'node:util';
import { parseEndpoint } from '../conformance/target.ts';
import { attack } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { outcomeLine } from './report.ts';

const USAGE = `npm run hostile -- --against HOST:PORT,ID,KEY,SECRET [options]
  --path /PREFIX    the prefix in front of /app and /apps of that server
  --pid NUMBER      its process on this machine: its files and memory are watched too
  --seed NUMBER     the first draw; the same seed makes the same attack (1)
  --requests NUMBER mutated HTTP requests (50000)
  --frames NUMBER   mutated frames (200000)
  --seconds NUMBER  length of the attacks that are measured in time (5)
  --only TEXT       only attacks whose name has this text

Attack only a server of your own on this machine.`;

const { values } = parseArgs({
  options: {
    against: { type: 'string' },
    path: { type: 'string', default: '' },
    pid: { type: 'string' },
    seed: { type: 'string', default: '1' },
    requests: { type: 'string', default: '50000' },
    frames: { type: 'string', default: '200000' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help || values.against === undefined) console.log(USAGE);
else {
  const target = {
    ...parseEndpoint(values.against, values.path),
    pid: values.pid === undefined ? undefined : Number(values.pid),
  };
  const sizes = {
    requests: Number(values.requests),
    frames: Number(values.frames),
    seconds: Number(values.seconds),
  };
  for (const each of attacks(sizes).filter(({ name }) => name.includes(values.only))) {
    const outcome = await attack(target, each, { seed: Number(values.seed) });
    console.log(outcomeLine(outcome));
    if (outcome.faults.length > 0) process.exitCode = 1;
  }
}
