/** Failover with Redis Sentinel: a replica becomes the master. */
import { describe, expect } from 'vitest';
import { Redis } from 'ioredis';
import type { ClusterClient } from '../support/cluster-client.ts';
import type { SentEvent } from '../support/delivery/delivery-log.ts';
import { SentinelRedis } from '../support/redis-topology.ts';
import { eventually } from '../support/wire.ts';
import { underwayAt, msUntilAccepting, startLoad, expectNoMemberChanges, waitForAccepted } from './steps.ts';
import { fault, report, describeConcurrent, type FaultRun } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

/** Time after a change of the master in which no member may be removed. */
const NO_REMOVAL_MS = 6000;
/** Age of the newest write that a replica may lack. */
const LAG_MS = 300;

const options = (args: readonly string[] = []) => ({
  // Longer than usual: two of these clusters start and run at the same time.
  env: { WAVEHALL_LEASE_SECONDS: '4', WAVEHALL_REDIS_TIMEOUT_MS: '1000' },
  topology: () => SentinelRedis.start({ args }),
});

function sentinelsOf({ cluster }: FaultRun): SentinelRedis {
  if (cluster.topology instanceof SentinelRedis) return cluster.topology;
  throw new Error('This cluster has no Sentinels');
}

async function waitForNewMaster({ group }: SentinelRedis, before: number): Promise<void> {
  await eventually(
    async () => (await group.master()).port !== before,
    'another server is the master',
    20_000,
  );
}

// Concurrently: most of the time is spent waiting for the Sentinels.
describe('the master changes', () => {
  describeConcurrent('under load', () => {
    fault(
      '3.13 F17 when it is killed, connected clients receive every event and no member_removed',
      options(),
      async (run) => {
        const { presence, news, clients, stop } = await startLoad(run, 3, 20);
        const sentinels = sentinelsOf(run);
        const master = await sentinels.group.master();
        await master.kill();
        const killedMs = performance.now();
        await waitForNewMaster(sentinels, master.port);
        const ms = await msUntilAccepting(run, news);
        await waitForAccepted(run, presence, 10);
        await stop();
        await expectRecovered(run, { presence, clients, mayBeLost: underwayAt(killedMs, LAG_MS, 100), ms });
      },
    );

    fault(
      '3.13 F17 by SENTINEL FAILOVER: connected clients receive every event and no member_removed',
      options(),
      async (run) => {
        const { presence, news, clients, stop } = await startLoad(run, 3, 20);
        const sentinels = sentinelsOf(run);
        const master = await sentinels.group.master();
        await sentinels.group.failOver();
        await waitForNewMaster(sentinels, master.port);
        const changedMs = performance.now();
        const ms = await msUntilAccepting(run, news);
        await waitForAccepted(run, presence, 10);
        await stop();
        // Until the old master is reconfigured, it acknowledges writes that will be lost.
        await expectRecovered(run, {
          presence,
          clients,
          mayBeLost: underwayAt(changedMs, 2000, ms + 500),
          ms,
        });
      },
    );
  });
});

interface Recovery {
  readonly presence: string;
  readonly clients: readonly ClusterClient[];
  readonly mayBeLost: (publish: SentEvent) => boolean;
  readonly ms: number;
}

async function expectRecovered(run: FaultRun, { presence, clients, mayBeLost, ms }: Recovery): Promise<void> {
  const expected = { mayBeLost, withinMs: 15_000 };
  await run.settled(expected);
  await sleep(NO_REMOVAL_MS);
  await run.settled(expected);
  report('F17', {
    'back after ms': ms,
    'longest answer ms': Math.round(run.recorder.answers.longestMs),
    'acknowledged and lost with the old master': run.recorder.missed().length,
  });
  expectNoMemberChanges(presence, clients);
  await run.emptied();
}

/** Partitions the network: the old master and node 0 on one side, everything else on the other. */
async function partition(run: FaultRun): Promise<void> {
  const { group, proxies } = sentinelsOf(run);
  group.link.setFault('stalled');
  proxies[0]!.view.cut();
  proxies[0]!.second.setFault('stalled');
  for (const { first } of proxies.slice(1)) first.setFault('stalled');
  await run.node(1).notReady();
}

describe('split brain: only one node reaches the old master', () => {
  describeConcurrent('under load', () => {
    fault(
      '3.13 F18 the other nodes receive every event, and the separated node rejoins them',
      options(),
      async (run) => {
        const { presence, news, stop } = await startLoad(run, 2, 20);
        const sentinels = sentinelsOf(run);
        const old = await sentinels.group.master();
        const splitMs = performance.now();
        await partition(run);
        await waitForNewMaster(sentinels, old.port);
        // Each side accepts events.
        for (const node of run.cluster.nodes) {
          await eventually(
            async () => (await run.publish(news, node)).status === 200,
            `node ${node.index} publishes on its side`,
            20_000,
          );
        }
        const newcomer = await run.connectClient('newcomer', 0, [presence, news]);
        await waitForAccepted(run, news, 20);
        const healedMs = performance.now();
        run.cluster.heal();
        await waitUntilHealed(run, old.port);
        const backMs = performance.now();
        await waitForAccepted(run, presence, 10);
        await stop();
        const isOfOldSide = ({ server, beganMs, endedMs }: SentEvent): boolean =>
          server === 'node 0' && endedMs >= splitMs - LAG_MS && beganMs <= backMs;
        const mayBeLost = (publish: SentEvent): boolean =>
          isOfOldSide(publish) || underwayAt(splitMs, LAG_MS, 200)(publish);
        expect(newcomer.confirmed).toHaveLength(2);
        // Each side has cleaned up the nodes of the other.
        const expected = { mayBeLost, extraMemberChanges: () => 4, withinMs: 20_000 };
        await run.settled(expected);
        const lost = run.recorder.missed();
        report('F18', {
          'separated node back after ms': Math.round(backMs - healedMs),
          'published on the old side and lost': lost.length,
        });
        // Otherwise there was no split brain.
        expect(lost.length).toBeGreaterThan(0);
        await run.emptied();
      },
    );

    fault(
      '3.13 F18 with min-replicas-to-write 1 the old master soon refuses writes',
      options(['--min-replicas-to-write', '1', '--min-replicas-max-lag', '1']),
      async (run) => {
        // The new master also accepts writes only once a replica follows it.
        const { presence, news, stop } = await startLoad(run, 2, 20);
        const sentinels = sentinelsOf(run);
        const old = await sentinels.group.master();
        const splitMs = performance.now();
        await partition(run);
        await eventually(
          async () => (await run.publish(news, run.node(0))).status === 503,
          'the old side refuses events',
          10_000,
        );
        const refusedMs = performance.now();
        await waitForNewMaster(sentinels, old.port);
        for (let times = 0; times < 10; times += 1)
          expect((await run.publish(news, run.node(0))).status).toBe(503);
        run.cluster.heal();
        await waitUntilHealed(run, old.port);
        await msUntilAccepting(run, news);
        await waitForAccepted(run, presence, 10);
        await stop();
        const mayBeLost = (publish: SentEvent): boolean =>
          underwayAt(splitMs, LAG_MS, 200)(publish) ||
          (publish.server === 'node 0' && publish.beganMs >= splitMs && publish.beganMs <= refusedMs);
        await run.settled({ mayBeLost, extraMemberChanges: () => 4, withinMs: 20_000 });
        report('F18 with min-replicas-to-write', {
          'refused after ms': Math.round(refusedMs - splitMs),
          'published on the old side and lost': run.recorder.missed().length,
        });
        await run.emptied();
      },
    );
  });
});

/** Resolves when the old master is a replica of the new one and every node uses the new one. */
async function waitUntilHealed(run: FaultRun, oldPort: number): Promise<void> {
  const old = sentinelsOf(run).group.servers.find(({ port }) => port === oldPort)!;
  await eventually(
    async () => (await replication(old.port)).includes('role:slave'),
    'the old master is a replica of the new one',
    30_000,
  );
  await run.cluster.ready(20_000);
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
