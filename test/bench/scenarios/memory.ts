/** Memory of one more idle subscriber: the slope of RSS between two numbers of sockets, which excludes the memory of an empty process. */
import { readFileSync } from 'node:fs';
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startNaive, startWavehall } from '../contestants.ts';
import { compare, type Row } from '../figures.ts';
import { isReverb } from '../rows.ts';
import { sleep } from '../../../src/core/util/time.ts';

const FEW = 3000;
const MANY = 9500;
const GOAL_KIB = 7;
const GOAL_OF_REVERB = 0.35;
/** Size of Node 20: V8's young generation then reaches it before the first reading and is not counted as memory of subscribers. */
export const YOUNG_GENERATION = ['--max-semi-space-size=16'];

interface Slope {
  readonly contestant: Contestant;
  readonly kib: number;
  readonly few: number;
  readonly many: number;
  readonly rssKib: number;
}

export const memory: Scenario = {
  name: 'memory',
  title: 'Memory of one more idle subscriber',
  async run(bench) {
    const { server: core } = bench.setting.pinning;
    const slopes: Slope[] = [];
    // New processes: a process reuses memory that it has freed before without growing.
    for (const start of [startNaive, startWavehall]) {
      const contestant = await start({ core, nodeOptions: YOUNG_GENERATION });
      try {
        slopes.push(...(await slopeOf(bench, contestant)));
      } finally {
        await contestant.close();
      }
    }
    for (const contestant of bench.contestants.filter(({ role }) => role === 'other'))
      slopes.push(...(await slopeOf(bench, contestant)));
    return slopes.map((slope) => row(slope, slopes));
  },
};

async function slopeOf(bench: Bench, contestant: Contestant): Promise<Slope[]> {
  if (contestant.pid === 0) {
    bench.leaveOut(`memory of ${contestant.name}`, 'its process is not known');
    return [];
  }
  const many = bench.socketsOn(contestant, bench.scaled(MANY));
  const few = Math.round((many * FEW) / MANY);
  const load = bench.load(contestant);
  try {
    const first = await load.run('open', { n: few });
    const low = await settledRss(contestant);
    const { open, firstError } = await load.run('open', { n: many - few });
    const high = await settledRss(contestant);
    if (first.open === few && open === many)
      return [{ contestant, kib: (high - low) / (many - few), few, many, rssKib: high }];
    bench.leaveOut(`memory of ${contestant.name}`, `${open} of ${many} sockets were opened; ${firstError}`);
    return [];
  } finally {
    await load.close();
  }
}

/** Reads RSS until two readings agree; collects garbage before each where the process supports that. */
export async function settledRss({ pid, collectsGarbage }: Contestant): Promise<number> {
  let [before, now] = [0, rssKib(pid)];
  for (let tries = 0; tries < 10 && Math.abs(now - before) > now / 500; tries += 1) {
    if (collectsGarbage) process.kill(pid, 'SIGUSR2');
    await sleep(300);
    [before, now] = [now, rssKib(pid)];
  }
  return now;
}

const rssKib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN);

function row({ contestant, kib, few, many, rssKib: rss }: Slope, all: readonly Slope[]): Row {
  const isOurs = contestant.role === 'wavehall';
  const others = isOurs ? all.filter((each) => each.contestant !== contestant) : [];
  return {
    scenario: memory.name,
    figure: 'RSS of one more subscriber',
    server: contestant.name,
    value: kib,
    unit: 'KiB',
    ...(isOurs && { atMost: GOAL_KIB }),
    against: compare(
      [kib],
      others.map((each) => ({
        to: each.contestant.name,
        rounds: [each.kib],
        atMost: isReverb(each.contestant) ? GOAL_OF_REVERB : undefined,
      })),
    ),
    more: { 'all MiB': rss / 1024 },
    note: `between ${few} and ${many} sockets${contestant.collectsGarbage ? `, garbage collected, ${YOUNG_GENERATION.join(' ')}` : ''}`,
  };
}
