/** Faults of a Redis Cluster: slots move, and a server fails. */
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
  waitForAccepted,
} from './steps.ts';
import { fault, report } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const SLOTS = 16_384;
const PARTITIONS = 16;
const NO_REMOVAL_MS = 6000;

let redisCluster: ClusterRedis;
const options = (replicas: boolean) => ({
  env: { WAVEHALL_LEASE_SECONDS: '4' },
  topology: async () => (redisCluster = await ClusterRedis.start({ replicas })),
});

async function idOf({ port }: TestRedis): Promise<string> {
  const client = new Redis(port, '127.0.0.1');
  const id = await client.call('CLUSTER', 'MYID');
  client.disconnect();
  return String(id);
}

/** How many slots to move from a server so that they contain two partitions: redis-cli moves the lowest slots first. */
function slotsWithTwo(server: number): number {
  const keys = new Keys('wavehall:', PARTITIONS);
  const share = Math.ceil(SLOTS / redisCluster.group.masters.length);
  const partitionSlots = Array.from({ length: PARTITIONS }, (_, partition) =>
    new Command('GET', [keys.nodes(partition)]).getSlot(),
  );
  const ofServer = partitionSlots
    .map((slot) => slot - server * share)
    .filter((slot) => slot >= 0 && slot < share);
  return ofServer.sort((a, b) => a - b)[1]! + 1;
}

/** Moves slots with redis-cli, as an operator does. */
async function reshard(from: TestRedis, to: TestRedis, slots: number): Promise<void> {
  const ids = await Promise.all([from, to].map(idOf));
  const what = ['--cluster-from', ids[0]!, '--cluster-to', ids[1]!, '--cluster-slots', `${slots}`];
  await redisCli(['--cluster', 'reshard', `127.0.0.1:${from.port}`, ...what, '--cluster-yes']);
}

describe('slots move', () => {
  fault(
    '3.13 F28 under load: no event is lost and no member_removed is sent',
    options(false),
    async (run) => {
      const { presence, news, clients, stop } = await startLoad(run, 3, 20);
      const names = Array.from({ length: 12 }, (_, at) => run.name(`spread${at}`));
      await Promise.all(clients.flatMap((client) => names.map((name) => client.subscribe(name))));
      const stopSpread = run.load(names, 50);
      const stopChurn = keepRejoining(run, clients.slice(0, 3), names[0]!);
      const begin = performance.now();
      let slots = 0;
      for (const [from, to] of [
        run.pick([
          [1, 0],
          [1, 2],
        ]),
        run.pick([
          [2, 0],
          [2, 1],
        ]),
      ] as const) {
        const [source, target] = [redisCluster.group.masters[from!]!, redisCluster.group.masters[to!]!];
        const count = slotsWithTwo(from!);
        await reshard(source, target, count);
        slots += count;
        await waitForAccepted(run, news, 10);
      }
      const movedMs = performance.now() - begin;
      await waitForAccepted(run, news, 20);
      for (const stopLoad of [stopChurn, stopSpread, stop]) await stopLoad();
      const { refusals, answers, longestMs } = run.recorder.answers;
      report('F28', {
        'slots moved': slots,
        'in ms': Math.round(movedMs),
        'answers with 200': answers,
        'answers with 503': refusals,
        'longest answer ms': Math.round(longestMs),
      });
      await run.settled({ withinMs: 15_000 });
      expectNoMemberChanges(presence, clients);
      await run.emptied();
    },
  );
});

describe('a server is killed', () => {
  fault(
    '3.13 F28 its replica takes over: connected clients receive every event and no member_removed',
    options(true),
    async (run) => {
      const { presence, news, clients, stop } = await startLoad(run, 3, 20);
      const victim = run.pick(redisCluster.group.masters);
      const isReplaced = async (): Promise<boolean> =>
        run.cluster.topology
          .run((_, servers) =>
            Promise.resolve(servers.every(({ options: { port } }) => port !== victim.port)),
          )
          .catch(() => false);
      await victim.kill();
      const killedMs = performance.now();
      await eventually(isReplaced, 'a replica has taken over', 20_000);
      const ms = await msUntilAccepting(run, news);
      await waitForAccepted(run, presence, 10);
      await stop();
      const expected = { mayBeLost: underwayAt(killedMs, 300, 100), withinMs: 20_000 };
      await run.settled(expected);
      await sleep(NO_REMOVAL_MS);
      await run.settled(expected);
      report('F28', {
        'back after ms': Math.round(performance.now() - killedMs),
        'answered everywhere ms after that': ms,
        'longest answer ms': Math.round(run.recorder.answers.longestMs),
        'acknowledged and lost with the server': run.recorder.missed().length,
      });
      expectNoMemberChanges(presence, clients);
      await run.emptied();
    },
  );
});
