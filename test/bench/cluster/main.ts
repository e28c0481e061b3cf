/** `npm run bench:cluster`: the figures of several nodes over one Redis, in one table. */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { planPinning } from '../machine.ts';
import { crossing } from './crossing.ts';
import { memory } from './memory.ts';
import { nodeKilled } from './node-killed.ts';
import { redisKilled } from './redis-killed.ts';
import type { Figure } from './bench-cluster.ts';

const USAGE = `npm run bench:cluster -- [options]
  --only NAME   run only node, redis, crossing or memory
  --small       run with tiny sizes, to check that it works
  --json        print the figures as JSON`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    small: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const sized = <T>(full: T, small: T): T => (values.small ? small : full);

const SCENARIOS: readonly (readonly [name: string, run: () => Promise<Figure[]>])[] = [
  ['node', () => nodeKilled({ sockets: sized(2000, 40), leaseSeconds: 12 })],
  ['node', () => nodeKilled({ sockets: sized(2000, 40), leaseSeconds: 2 })],
  ['redis', () => redisKilled({ ...outage(), keepsData: true })],
  ['redis', () => redisKilled({ ...outage(), keepsData: false })],
  [
    'crossing',
    () => crossing(sized({ rounds: 5, seconds: 1 }, { rounds: 1, seconds: 0.1 }), { pinning: planPinning() }),
  ],
  ['memory', () => memory({ channels: sized(10_000, 200) })],
];

function outage() {
  return { channels: sized(10_000, 200), perSecond: sized(500, 100), outageSeconds: 3 };
}

async function run(): Promise<void> {
  const figures: Figure[] = [];
  for (const [name, scenario] of SCENARIOS) {
    if (values.only !== undefined && values.only !== name) continue;
    const [load = 0] = loadavg();
    console.error(`${name} (load average ${load.toFixed(1)}) ...`);
    figures.push(...(await scenario()));
  }
  console.log(values.json ? JSON.stringify(figures, null, 2) : table(figures));
}

function table(figures: readonly Figure[]): string {
  const rows = [['figure', 'value', 'unit', 'goal', 'with it'], ...figures.map(row)];
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ');
  return rows.map((cells) => line(cells).trimEnd()).join('\n');
}

function row({ name, value, unit, goal = '', more = {} }: Figure): string[] {
  const rest = Object.entries(more).map(([what, each]) => `${what} ${text(each)}`);
  return [name, text(value), unit, goal, rest.join(', ')];
}

function text(value: number | undefined): string {
  if (value === undefined) return '-';
  return value.toFixed(Math.abs(value) < 100 && !Number.isInteger(value) ? 2 : 0);
}

if (values.help) console.log(USAGE);
else await run();
