/** Faults of a Redis that Sentinels watch over: another server takes the place of the one that was written to. */
import { describe, expect } from 'vitest';
import { Redis } from 'ioredis';
import type { ClusterClient } from '../support/cluster-client.ts';
import type { SentEvent } from '../support/delivery/delivery-log.ts';
import { SentinelRedis } from '../support/redis-topology.ts';
import { eventually } from '../support/wire.ts';
import { underwayAt, msUntilAccepting, startLoad, expectNoMemberChanges, acceptedMore } from './steps.ts';
import { fault, report, sideBySide, type FaultRun } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

/** Time after a change of the master in which no member may be removed. */
const QUIET_MS = 6000;
/** Age of the newest write that a replica may lack. */
const LAG_MS = 300;

const options = (args: readonly string[] = []) => ({
  // Twice as many as usual are at it, and start at the same time.
  env: { WAVEHALL_LEASE_SECONDS: '4', WAVEHALL_REDIS_TIMEOUT_MS: '1000' },
  ground: () => SentinelRedis.start({ args }),
});

function groundOf({ cluster }: FaultRun): SentinelRedis {
  if (cluster.ground instanceof SentinelRedis) return cluster.ground;
  throw new Error('There are no Sentinels');
}

async function anotherMaster({ group }: SentinelRedis, before: number): Promise<void> {
  await eventually(
    async () => (await group.master()).port !== before,
    'another server is the master',
    20_000,
  );
}

// Two at a time: most of it is waiting for Sentinels.
describe('the master changes', () => {
  sideBySide('under load', () => {
    fault(
      '3.13 F17 it is killed: clients that stay receive everything, and no member seems to leave',
      options(),
      async (stage) => {
        const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
        const ground = groundOf(stage);
        const master = await ground.group.master();
        await master.kill();
        const killedMs = performance.now();
        await anotherMaster(ground, master.port);
        const ms = await msUntilAccepting(stage, news);
        await acceptedMore(stage, room, 10);
        await stop();
        await ended(stage, { room, crowd, mayBeLost: underwayAt(killedMs, LAG_MS, 100), ms });
      },
    );

    fault(
      '3.13 F17 on demand: clients that stay receive everything, and no member seems to leave',
      options(),
      async (stage) => {
        const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
        const ground = groundOf(stage);
        const master = await ground.group.master();
        await ground.group.failOver();
        await anotherMaster(ground, master.port);
        const changedMs = performance.now();
        const ms = await msUntilAccepting(stage, news);
        await acceptedMore(stage, room, 10);
        await stop();
        // Until the old master knows of the change, it acknowledges writes that will be lost.
        await ended(stage, { room, crowd, mayBeLost: underwayAt(changedMs, 2000, ms + 500), ms });
      },
    );
  });
});

interface Ended {
  readonly room: string;
  readonly crowd: readonly ClusterClient[];
  readonly mayBeLost: (publish: SentEvent) => boolean;
  readonly ms: number;
}

async function ended(stage: FaultRun, { room, crowd, mayBeLost, ms }: Ended): Promise<void> {
  const expected = { mayBeLost, withinMs: 15_000 };
  await stage.settled(expected);
  await sleep(QUIET_MS);
  await stage.settled(expected);
  report('F17', {
    'back after ms': ms,
    'longest answer ms': Math.round(stage.recorder.answers.longestMs),
    'acknowledged and lost with the old master': stage.recorder.missed().length,
  });
  expectNoMemberChanges(room, crowd);
  await stage.emptied();
}

/** The old master and one node on one side of the partition, all others on the other side. */
async function split(stage: FaultRun): Promise<void> {
  const { group, paths } = groundOf(stage);
  group.link.suffer('held');
  paths[0]!.view.cut();
  paths[0]!.second.suffer('held');
  for (const { first } of paths.slice(1)) first.suffer('held');
  await stage.node(1).unready();
}

describe('a split brain: the old master is reached by one node only', () => {
  sideBySide('under load', () => {
    fault(
      '3.13 F18 the other nodes receive everything, and the separated node rejoins them',
      options(),
      async (stage) => {
        const { room, news, stop } = await startLoad(stage, 2, 20);
        const ground = groundOf(stage);
        const old = await ground.group.master();
        const splitMs = performance.now();
        await split(stage);
        await anotherMaster(ground, old.port);
        // Both sides publish, and believe it.
        for (const node of stage.cluster.nodes) {
          await eventually(
            async () => (await stage.publish(news, node)).status === 200,
            `node ${node.index} publishes on its side`,
            20_000,
          );
        }
        const comes = await stage.visitor('comes', 0, [room, news]);
        await acceptedMore(stage, news, 20);
        const healedMs = performance.now();
        stage.cluster.heal();
        await healedAt(stage, old.port);
        const backMs = performance.now();
        await acceptedMore(stage, room, 10);
        await stop();
        const isOfOldSide = ({ at, beganMs, endedMs }: SentEvent): boolean =>
          at === 'node 0' && endedMs >= splitMs - LAG_MS && beganMs <= backMs;
        const mayBeLost = (publish: SentEvent): boolean =>
          isOfOldSide(publish) || underwayAt(splitMs, LAG_MS, 200)(publish);
        expect(comes.standing).toHaveLength(2);
        // Each side had cleaned up the other.
        const expected = { mayBeLost, flaps: () => 4, withinMs: 20_000 };
        await stage.settled(expected);
        const lost = stage.recorder.missed();
        report('F18', {
          'the one back after ms': Math.round(backMs - healedMs),
          'published on the old side and lost': lost.length,
        });
        // Else there were not two sides.
        expect(lost.length).toBeGreaterThan(0);
        await stage.emptied();
      },
    );

    fault(
      '3.13 F18 with min-replicas-to-write 1 the old master soon refuses',
      options(['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1']),
      async (stage) => {
        // On the other side too, a replica has to follow before the new master accepts writes.
        const { room, news, stop } = await startLoad(stage, 2, 20);
        const ground = groundOf(stage);
        const old = await ground.group.master();
        const splitMs = performance.now();
        await split(stage);
        await eventually(
          async () => (await stage.publish(news, stage.node(0))).status === 503,
          'the old side takes nothing any more',
          10_000,
        );
        const refusedMs = performance.now();
        await anotherMaster(ground, old.port);
        for (let times = 0; times < 10; times += 1)
          expect((await stage.publish(news, stage.node(0))).status).toBe(503);
        stage.cluster.heal();
        await healedAt(stage, old.port);
        await msUntilAccepting(stage, news);
        await acceptedMore(stage, room, 10);
        await stop();
        const mayBeLost = (publish: SentEvent): boolean =>
          underwayAt(splitMs, LAG_MS, 200)(publish) ||
          (publish.at === 'node 0' && publish.beganMs >= splitMs && publish.beganMs <= refusedMs);
        await stage.settled({ mayBeLost, flaps: () => 4, withinMs: 20_000 });
        report('F18 with min-replicas-to-write', {
          'refused after ms': Math.round(refusedMs - splitMs),
          'published on the old side and lost': stage.recorder.missed().length,
        });
        await stage.emptied();
      },
    );
  });
});

/** The old master follows the new one, and every node has come to the new one. */
async function healedAt(stage: FaultRun, oldPort: number): Promise<void> {
  const old = groundOf(stage).group.servers.find(({ port }) => port === oldPort)!;
  await eventually(
    async () => (await replication(old.port)).includes('role:slave'),
    'the old master follows the new one',
    30_000,
  );
  await stage.cluster.ready(20_000);
}

async function replication(port: number): Promise<string> {
  const client = new Redis(port, '127.0.0.1');
  // A server that becomes a replica loses all its client connections.
  client.on('error', () => undefined);
  try {
    return await client.info('replication');
  } finally {
    client.disconnect();
  }
}
