/** Faults of the connections between a node and Redis. The nodes and Redis themselves are well. */
import { afterAll, describe, expect } from 'vitest';
import { LEASE_MS } from '../support/cluster.ts';
import { eventually } from '../support/wire.ts';
import { askRedis, startLoad, keepRejoining, acceptedMore } from './steps.ts';
import { fault, report, SharedCluster } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster();
afterAll(() => shared.close());
/** Settings with which no node is cleaned up, and no link counts as broken, during the fault. */
const patient = { env: { WAVEHALL_LEASE_SECONDS: '12' } };

/** Settings with which a command of 200 ms is in time even on a busy machine. */
const unhurried = { env: { WAVEHALL_REDIS_TIMEOUT_MS: '3000' } };

describe('the connection for subscriptions', () => {
  fault('3.13 F20 when it is cut, no event is lost', shared, async (stage) => {
    const { room, news, stop } = await startLoad(stage);
    for (let round = 0; round < 3; round += 1) {
      await acceptedMore(stage, news, 10);
      stage.pick(stage.cluster.nodes).proxy.cut('subscriber');
      await acceptedMore(stage, room, 10);
      await askRedis(stage, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    }
    await acceptedMore(stage, news, 10);
    await stop();
    await stage.settled();
    await stage.emptied();
  });

  fault('4.4 F20 joins and leaves while it is cut are sent once', shared, async (stage) => {
    const { room, crowd, stop } = await startLoad(stage, 3);
    const stopChurn = keepRejoining(stage, crowd, room);
    for (let round = 0; round < 4; round += 1) {
      await acceptedMore(stage, room, 10);
      stage.pick(stage.cluster.nodes).proxy.cut('subscriber');
    }
    await stopChurn();
    await stop();
    await stage.settled();
    await stage.emptied();
  });

  fault(
    '3.13 F19 when it receives nothing, that is detected, and no event is lost',
    shared,
    async (stage) => {
      const { news, stop } = await startLoad(stage);
      const begin = performance.now();
      stage.node(0).proxy.suffer('swallowed', 'subscriber');
      await sleep(LEASE_MS / 2);
      stage.node(0).proxy.heal();
      await acceptedMore(stage, news, 20);
      await stop();
      await stage.settled();
      report('F19', { 'deaf link replaced and caught up after ms': Math.round(performance.now() - begin) });
      await stage.emptied();
    },
  );

  fault('3.13 F19 when it breaks while it is opened, it is opened again', shared, async (stage) => {
    const { news, stop } = await startLoad(stage);
    const { proxy } = stage.node(0);
    // Both, so that also the first answer of the new link is lost.
    proxy.suffer('swallowed');
    proxy.cut('subscriber');
    await stage.node(0).unready();
    await sleep(LEASE_MS / 2);
    proxy.heal();
    await acceptedMore(stage, news, 10);
    await stage.node(0).ready(15_000);
    await stop();
    await stage.settled({ flaps: (user) => (user.startsWith('u0') ? 2 : 0) });
    await stage.emptied();
  });

  fault('3.13 F24 when Redis closes it for being slow, the node catches up', patient, async (stage) => {
    const { news, stop } = await startLoad(stage);
    const filler = stage.name('filler');
    await stage.visitor('reader', 1, [filler]);
    const limit = (value: string) =>
      askRedis(stage, (redis) =>
        redis.call('CONFIG', 'SET', 'client-output-buffer-limit', `pubsub ${value}`),
      );
    await limit('64kb 64kb 1');
    stage.node(1).proxy.suffer('held', 'subscriber');
    const subscribers = async (): Promise<number> => {
      const list = await askRedis(stage, (redis) => redis.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'));
      return String(list).trim().split('\n').length;
    };
    const event = { name: 'padding', channel: filler, data: 'x'.repeat(9_000) };
    const body = { batch: Array.from({ length: 10 }, () => event) };
    await eventually(
      async () => {
        await Promise.all(Array.from({ length: 40 }, () => stage.node(0).post('/batch_events', body)));
        return (await subscribers()) < stage.cluster.nodes.length;
      },
      'Redis has had enough of a subscriber',
      30_000,
    );
    stage.node(1).proxy.heal();
    await limit('32mb 8mb 60');
    await acceptedMore(stage, news, 10);
    await stop();
    await stage.settled();
    await stage.emptied();
  });
});

describe('the connection for commands', () => {
  fault('8.3 F21 when it is cut, that node answers 503, and events still arrive', patient, async (stage) => {
    const { room, news, stop } = await startLoad(stage);
    const node = stage.node(2);
    node.proxy.suffer('swallowed', 'commands');
    node.proxy.cut('commands');
    await eventually(
      async () => (await stage.publish(room, node)).status === 503,
      'the node refuses to publish',
    );
    await node.unready();
    await acceptedMore(stage, news, 30);
    const watcher = stage.recorder.accepted(news).at(-5)!;
    await eventually(
      () => stage.recorder.receivedOn(node, news).includes(watcher.number),
      'what others publish arrives on the node that cannot',
    );
    node.proxy.heal();
    node.proxy.cut('commands');
    await node.ready();
    expect((await stage.publish(room, node)).status).toBe(200);
    await stop();
    await stage.settled();
    await stage.emptied();
  });

  fault('8.4 F15 a slow Redis only makes answers slower', unhurried, async (stage) => {
    for (const { proxy } of stage.cluster.nodes) proxy.delayMs = 100;
    const { room, news, crowd, stop } = await startLoad(stage);
    const stopChurn = keepRejoining(stage, crowd, room);
    await acceptedMore(stage, news, 10);
    await stopChurn();
    await stop();
    const { refusals, longestMs } = stage.recorder.answers;
    report('F15', { 'longest answer ms at 200 ms per command': Math.round(longestMs) });
    expect(refusals).toBe(0);
    stage.cluster.heal();
    await stage.settled();
    await stage.emptied();
  });

  fault('4.4 F16 a command whose answer was lost is not carried out twice', shared, async (stage) => {
    const { room, news, crowd, stop } = await startLoad(stage, 3);
    const stopChurn = keepRejoining(stage, crowd, room);
    for (let round = 0; round < 4; round += 1) {
      const { proxy } = stage.pick(stage.cluster.nodes);
      proxy.suffer('mute', 'commands');
      await sleep(100 + stage.random.next() * 200);
      proxy.heal();
      await acceptedMore(stage, news, 5);
    }
    await stopChurn();
    await stop();
    await stage.cluster.ready();
    await stage.settled();
    await stage.emptied();
  });

  fault('3.13 F26 SCRIPT FLUSH has no effect on clients', shared, async (stage) => {
    const { room, news, crowd, stop } = await startLoad(stage);
    const stopChurn = keepRejoining(stage, crowd, room);
    for (let round = 0; round < 5; round += 1) {
      await acceptedMore(stage, news, 5);
      await askRedis(stage, (redis) => redis.call('SCRIPT', 'FLUSH'));
    }
    await stopChurn();
    await stop();
    expect(stage.recorder.answers.refusals).toBe(0);
    await stage.settled();
    await stage.emptied();
  });
});

describe('both connections', () => {
  fault('3.13 F23 when they flap, no event is lost and no member seems to leave', patient, async (stage) => {
    const { room, news, stop } = await startLoad(stage);
    const { proxy } = stage.node(1);
    for (let round = 0; round < 6; round += 1) {
      await acceptedMore(stage, news, 3);
      proxy.isRefusing = true;
      proxy.cut();
      await sleep(stage.random.next() * 300);
      proxy.heal();
      await sleep(stage.random.next() * 300);
    }
    await stage.node(1).ready();
    await acceptedMore(stage, room, 5);
    await stop();
    await stage.settled();
    await stage.emptied();
  });

  fault('4.4 F22 a node behind a partition is removed, and rejoins when it heals', shared, async (stage) => {
    const { room, news, stop } = await startLoad(stage);
    const node = stage.node(0);
    const begin = performance.now();
    node.proxy.suffer('held');
    await eventually(
      async () => {
        const { json } = await stage.node(1).get(`/channels/${room}/users`);
        return !JSON.stringify(json).includes('u0x');
      },
      'the others see that its members have gone',
      15_000,
    );
    report('F22', { 'members behind the partition gone after ms': Math.round(performance.now() - begin) });
    await node.unready();
    await acceptedMore(stage, news, 10);
    node.proxy.heal();
    await node.ready();
    await acceptedMore(stage, room, 10);
    await stop();
    await stage.settled({ flaps: (user) => (user.startsWith('u0') ? 2 : 0) });
    await stage.emptied();
  });
});
