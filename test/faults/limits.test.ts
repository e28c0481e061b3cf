/** Redis runs but refuses: it is full, it evicts keys, it accepts no more connections. */
import { describe, expect } from 'vitest';
import { eventually } from '../support/wire.ts';
import { askRedis, msUntilAccepting, startLoad, keepRejoining, acceptedMore } from './steps.ts';
import { fault, report, type FaultRun } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const setting = (stage: FaultRun, name: string, value: string | number): Promise<unknown> =>
  askRedis(stage, (redis) => redis.call('CONFIG', 'SET', name, value));

const linesOf = (stage: FaultRun, text: string): number[] =>
  stage.cluster.nodes.map(({ server }) => server.output().split(text).length - 1);

const patient = { env: { WAVEHALL_LEASE_SECONDS: '12' } };

describe('Redis is full', () => {
  fault(
    '8.3 F25 publishing answers 503, clients join and leave, then everything works again',
    patient,
    async (stage) => {
      const { room, news, crowd, stop } = await startLoad(stage, 3);
      await setting(stage, 'maxmemory', 1);
      for (const node of stage.cluster.nodes) {
        await eventually(
          async () => (await stage.publish(news, node)).status === 503,
          () => `node ${node.index} refuses`,
        );
        await node.unready();
      }
      const accepted = stage.recorder.accepted().length;
      const [goes, moves] = [crowd[0]!, crowd[4]!];
      await goes.leave(room);
      await moves.leave(room);
      await moves.enter(room);
      const comes = await stage.visitor('comes', 1, [room, news]);
      await stage.visitor('passes', 2, [room]).then((visitor) => visitor.quit());
      expect(comes.standing).toHaveLength(2);
      await sleep(1500);
      expect(stage.recorder.accepted()).toHaveLength(accepted);
      await setting(stage, 'maxmemory', 0);
      const ms = await msUntilAccepting(stage, news);
      await stage.cluster.ready();
      await acceptedMore(stage, room, 10);
      await stop();
      report('F25', {
        'back after ms': ms,
        'longest answer ms': Math.round(stage.recorder.answers.longestMs),
      });
      await stage.settled({ withinMs: 15_000 });
      expect(linesOf(stage, 'Redis is full')).toEqual([1, 1, 1]);
      expect(linesOf(stage, 'Redis accepts commands again')).toEqual([1, 1, 1]);
      await stage.emptied();
    },
  );

  fault(
    '8.3 F25 for longer than a lease: afterwards all rosters are as before, on every node',
    {},
    async (stage) => {
      const { room, news, stop } = await startLoad(stage, 3);
      await setting(stage, 'maxmemory', 1);
      await sleep(5_000);
      await setting(stage, 'maxmemory', 0);
      const ms = await msUntilAccepting(stage, news);
      await stage.cluster.ready();
      await acceptedMore(stage, room, 10);
      await stop();
      report('F25 longer than a lease', { 'back after ms': ms });
      await stage.settled({ withinMs: 15_000 });
      await stage.emptied();
    },
  );

  fault('8.3 F25 becomes ready again without any publish', patient, async (stage) => {
    const { news, stop } = await startLoad(stage, 1);
    await stop();
    await setting(stage, 'maxmemory', 1);
    for (const node of stage.cluster.nodes) expect((await stage.publish(news, node)).status).toBe(503);
    await setting(stage, 'maxmemory', 0);
    // As with a balancer, which sends no client to a node that is not ready.
    await stage.cluster.ready(8_000);
    await stage.settled();
    await stage.emptied();
  });

  fault('8.3 F25 repeatedly, under load', patient, async (stage) => {
    const { room, news, crowd, stop } = await startLoad(stage, 3);
    const stopChurn = keepRejoining(stage, crowd, room);
    for (let round = 0; round < 5; round += 1) {
      await setting(stage, 'maxmemory', 1);
      await sleep(stage.random.next() * 300);
      await setting(stage, 'maxmemory', 0);
      await acceptedMore(stage, news, 3);
    }
    await stopChurn();
    await stop();
    await stage.cluster.ready();
    await stage.settled({ withinMs: 15_000 });
    await stage.emptied();
  });
});

describe('Redis accepts no more connections', () => {
  fault('8.3 F27 lost connections are restored when it accepts them again', patient, async (stage) => {
    const { room, news, stop } = await startLoad(stage);
    await askRedis(stage, async (redis) => {
      await redis.call('CONFIG', 'SET', 'maxclients', 1);
      for (const { proxy } of stage.cluster.nodes) proxy.cut();
      await Promise.all(stage.cluster.nodes.map((node) => node.unready()));
      for (const node of stage.cluster.nodes) expect((await stage.publish(news, node)).status).toBe(503);
      await sleep(1000);
      await redis.call('CONFIG', 'SET', 'maxclients', 1000);
    });
    const ms = await msUntilAccepting(stage, news);
    await stage.cluster.ready();
    await acceptedMore(stage, room, 10);
    await stop();
    report('F27', { 'back after ms': ms });
    await stage.settled();
    expect(linesOf(stage, 'Lost the connection to Redis')).toEqual([1, 1, 1]);
    expect(linesOf(stage, 'Reconnected to Redis')).toEqual([1, 1, 1]);
    await stage.emptied();
  });
});
