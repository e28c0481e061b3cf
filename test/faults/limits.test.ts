/** Redis runs but refuses: it is full, or it accepts no more connections. */
import { describe, expect } from 'vitest';
import { eventually } from '../support/wire.ts';
import {
  askRedis,
  changeMembers,
  msUntilAccepting,
  startLoad,
  keepRejoining,
  waitForAccepted,
} from './steps.ts';
import { fault, report, type FaultRun } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const setConfig = (run: FaultRun, name: string, value: string | number): Promise<unknown> =>
  askRedis(run, (redis) => redis.call('CONFIG', 'SET', name, value));

/** How often each node logged a text. */
const logCounts = (run: FaultRun, text: string): number[] =>
  run.cluster.nodes.map(({ server }) => server.output().split(text).length - 1);

const longLease = { env: { WAVEHALL_LEASE_SECONDS: '12' } };

describe('Redis is full', () => {
  fault(
    '8.3 F25 publishes are answered 503, clients can join and leave, and it recovers',
    longLease,
    async (run) => {
      const { presence, news, clients, stop } = await startLoad(run, 3);
      await setConfig(run, 'maxmemory', 1);
      for (const node of run.cluster.nodes) {
        await eventually(
          async () => (await run.publish(news, node)).status === 503,
          () => `node ${node.index} refuses`,
        );
        await node.notReady();
      }
      const accepted = run.recorder.accepted().length;
      await changeMembers(run, clients, presence, news);
      await sleep(1500);
      expect(run.recorder.accepted()).toHaveLength(accepted);
      await setConfig(run, 'maxmemory', 0);
      const ms = await msUntilAccepting(run, news);
      await run.cluster.ready();
      await waitForAccepted(run, presence, 10);
      await stop();
      report('F25', {
        'back after ms': ms,
        'longest answer ms': Math.round(run.recorder.answers.longestMs),
      });
      await run.settled({ withinMs: 15_000 });
      expect(logCounts(run, 'Redis is full')).toEqual([1, 1, 1]);
      expect(logCounts(run, 'Redis accepts commands again')).toEqual([1, 1, 1]);
      await run.emptied();
    },
  );

  fault(
    '8.3 F25 for longer than a lease: afterwards every node has the same rosters as before',
    {},
    async (run) => {
      const { presence, news, stop } = await startLoad(run, 3);
      await setConfig(run, 'maxmemory', 1);
      await sleep(5_000);
      await setConfig(run, 'maxmemory', 0);
      const ms = await msUntilAccepting(run, news);
      await run.cluster.ready();
      await waitForAccepted(run, presence, 10);
      await stop();
      report('F25 longer than a lease', { 'back after ms': ms });
      await run.settled({ withinMs: 15_000 });
      await run.emptied();
    },
  );

  fault('8.3 F25 nodes become ready again without a publish', longLease, async (run) => {
    const { news, stop } = await startLoad(run, 1);
    await stop();
    await setConfig(run, 'maxmemory', 1);
    for (const node of run.cluster.nodes) expect((await run.publish(news, node)).status).toBe(503);
    await setConfig(run, 'maxmemory', 0);
    // A load balancer sends no client to a node that is not ready: it has to recover without one.
    await run.cluster.ready(8_000);
    await run.settled();
    await run.emptied();
  });

  fault('8.3 F25 repeatedly, under load: no event is lost', longLease, async (run) => {
    const { presence, news, clients, stop } = await startLoad(run, 3);
    const stopChurn = keepRejoining(run, clients, presence);
    for (let round = 0; round < 5; round += 1) {
      await setConfig(run, 'maxmemory', 1);
      await sleep(run.random.next() * 300);
      await setConfig(run, 'maxmemory', 0);
      await waitForAccepted(run, news, 3);
    }
    await stopChurn();
    await stop();
    await run.cluster.ready();
    await run.settled({ withinMs: 15_000 });
    await run.emptied();
  });
});

describe('Redis accepts no more connections', () => {
  fault('8.3 F27 lost connections are restored when it accepts them again', longLease, async (run) => {
    const { presence, news, stop } = await startLoad(run);
    await askRedis(run, async (redis) => {
      await redis.call('CONFIG', 'SET', 'maxclients', 1);
      for (const { proxy } of run.cluster.nodes) proxy.cut();
      await Promise.all(run.cluster.nodes.map((node) => node.notReady()));
      for (const node of run.cluster.nodes) expect((await run.publish(news, node)).status).toBe(503);
      await sleep(1000);
      await redis.call('CONFIG', 'SET', 'maxclients', 1000);
    });
    const ms = await msUntilAccepting(run, news);
    await run.cluster.ready();
    await waitForAccepted(run, presence, 10);
    await stop();
    report('F27', { 'back after ms': ms });
    await run.settled();
    expect(logCounts(run, 'Lost the connection to Redis')).toEqual([1, 1, 1]);
    expect(logCounts(run, 'Reconnected to Redis')).toEqual([1, 1, 1]);
    await run.emptied();
  });
});
