/** Cost on both nodes of a message that crosses Redis, measured by test/bench/cluster, which starts its own servers. */
import type { Scenario } from '../bench.ts';
import { crossing } from '../cluster/crossing.ts';
import type { Figure } from '../cluster/bench-cluster.ts';
import type { Row } from '../figures.ts';

const ROUNDS = 5;

export const crossNode: Scenario = {
  name: 'cross-node',
  title: 'CPU of both nodes for one message that crosses Redis',
  async run(bench) {
    const { rounds, seconds } = bench.sizes;
    const { pinning } = bench.setting;
    try {
      const sizes = { rounds: Math.min(rounds, ROUNDS), seconds };
      return (await crossing(sizes, { pinning, isWanted })).map(row);
    } catch (error) {
      bench.leaveOut('messages over Redis', (error as Error).message.split('\n')[0] ?? '');
      return [];
    }
  },
};

/** Omits the parts of the store, which `npm run bench:cluster` measures. */
const isWanted = (name: string): boolean =>
  /floor|one node|history 50$/.test(name) && !/stores alone|32 clients|^crossing, bursts/.test(name);

function row({ name, value, unit, goal, more = {} }: Figure): Row {
  const { 'x floor': floors, ...rest } = more;
  const isFloor = floors === undefined || name.includes('floor: ioredis, PUBLISH each');
  return {
    scenario: crossNode.name,
    figure: name.replace(/^crossing, /, ''),
    server: name.includes('floor') ? 'ioredis' : 'Wavehall',
    value,
    unit,
    ...(goal !== undefined && !name.includes('floor') && { atMost: Number(goal.replace('<= ', '')) }),
    ...(!isFloor && { against: [{ to: 'ioredis, PUBLISH each', ratio: floors }] }),
    more: rest,
  };
}
