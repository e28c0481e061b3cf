/** Faults of a Redis Cluster: slots move, and servers go. */
import { describe } from 'vitest';
import { Command, Redis } from 'ioredis';
import { Keys } from '../../src/stores/redis/keys.ts';
import { ClusterRedis } from '../support/redis-topology.ts';
import { redisCli, type TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import {
  underwayAt,
  msUntilAccepting,
  startLoad,
  keepRejoining,
  expectNoMemberChanges,
  acceptedMore,
} from './steps.ts';
import { fault, report } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const SLOTS = 16_384;
const PARTITIONS = 16;
const QUIET_MS = 6000;

let ground: ClusterRedis;
const options = (replicas: boolean) => ({
  env: { WAVEHALL_LEASE_SECONDS: '4' },
  ground: async () => (ground = await ClusterRedis.start({ replicas })),
});

async function idOf({ port }: TestRedis): Promise<string> {
  const client = new Redis(port, '127.0.0.1');
  const id = await client.call('CLUSTER', 'MYID');
  client.disconnect();
  return String(id);
}

/** How many slots a server has to give away for two of our partitions to be among them: it begins with the lowest. */
function slotsWithTwo(server: number): number {
  const keys = new Keys('wavehall:', PARTITIONS);
  const share = Math.ceil(SLOTS / ground.group.masters.length);
  const ours = Array.from({ length: PARTITIONS }, (_, partition) =>
    new Command('GET', [keys.nodes(partition)]).getSlot(),
  );
  const here = ours.map((slot) => slot - server * share).filter((slot) => slot >= 0 && slot < share);
  return here.sort((a, b) => a - b)[1]! + 1;
}

/** As an operator does it. */
async function reshard(from: TestRedis, to: TestRedis, slots: number): Promise<void> {
  const ids = await Promise.all([from, to].map(idOf));
  const what = ['--cluster-from', ids[0]!, '--cluster-to', ids[1]!, '--cluster-slots', `${slots}`];
  await redisCli(['--cluster', 'reshard', `127.0.0.1:${from.port}`, ...what, '--cluster-yes']);
}

describe('slots move', () => {
  fault(
    '3.13 F28 under load: no event is lost and no member seems to leave',
    options(false),
    async (stage) => {
      const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
      const names = Array.from({ length: 12 }, (_, at) => stage.name(`spread${at}`));
      await Promise.all(crowd.flatMap((visitor) => names.map((name) => visitor.enter(name))));
      const stopSpread = stage.load(names, 50);
      const stopChurn = keepRejoining(stage, crowd.slice(0, 3), names[0]!);
      const begin = performance.now();
      let slots = 0;
      for (const [from, to] of [
        stage.pick([
          [1, 0],
          [1, 2],
        ]),
        stage.pick([
          [2, 0],
          [2, 1],
        ]),
      ] as const) {
        const [source, target] = [ground.group.masters[from!]!, ground.group.masters[to!]!];
        const count = slotsWithTwo(from!);
        await reshard(source, target, count);
        slots += count;
        await acceptedMore(stage, news, 10);
      }
      const movedMs = performance.now() - begin;
      await acceptedMore(stage, news, 20);
      for (const stopIt of [stopChurn, stopSpread, stop]) await stopIt();
      const { refusals, answers, longestMs } = stage.recorder.answers;
      report('F28', {
        'slots moved': slots,
        'in ms': Math.round(movedMs),
        'answers with 200': answers,
        'answers with 503': refusals,
        'longest answer ms': Math.round(longestMs),
      });
      await stage.settled({ withinMs: 15_000 });
      expectNoMemberChanges(room, crowd);
      await stage.emptied();
    },
  );
});

describe('a server leaves', () => {
  fault(
    '3.13 F28 its replica takes over: clients that stay receive everything',
    options(true),
    async (stage) => {
      const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
      const victim = stage.pick(ground.group.masters);
      const heir = async (): Promise<boolean> =>
        stage.cluster.ground
          .ask((_, servers) =>
            Promise.resolve(servers.every(({ options: { port } }) => port !== victim.port)),
          )
          .catch(() => false);
      await victim.kill();
      const killedMs = performance.now();
      await eventually(heir, 'a replica has taken over', 20_000);
      const ms = await msUntilAccepting(stage, news);
      await acceptedMore(stage, room, 10);
      await stop();
      const expected = { mayBeLost: underwayAt(killedMs, 300, 100), withinMs: 20_000 };
      await stage.settled(expected);
      await sleep(QUIET_MS);
      await stage.settled(expected);
      report('F28', {
        'back after ms': Math.round(performance.now() - killedMs),
        'answered everywhere ms after that': ms,
        'longest answer ms': Math.round(stage.recorder.answers.longestMs),
        'acknowledged and lost with the server': stage.recorder.missed().length,
      });
      expectNoMemberChanges(room, crowd);
      await stage.emptied();
    },
  );
});
