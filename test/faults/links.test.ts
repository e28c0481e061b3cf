/** Faults of the connections between a node and Redis. The nodes and Redis themselves have none. */
import { afterAll, describe, expect } from 'vitest';
import { LEASE_MS } from '../support/cluster.ts';
import { eventually } from '../support/wire.ts';
import { askRedis, startLoad, keepRejoining, waitForAccepted } from './steps.ts';
import { fault, report, SharedCluster } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster();
afterAll(() => shared.close());
/** Settings with which no node is cleaned up, and no link counts as broken, during the fault. */
const longLease = { env: { WAVEHALL_LEASE_SECONDS: '12' } };

/** Settings with which a command of 200 ms does not time out even on a busy machine. */
const longTimeout = { env: { WAVEHALL_REDIS_TIMEOUT_MS: '3000' } };

describe('the connection for subscriptions', () => {
  fault('3.13 F20 when it breaks, no event is lost', shared, async (run) => {
    const { presence, news, stop } = await startLoad(run);
    for (let round = 0; round < 3; round += 1) {
      await waitForAccepted(run, news, 10);
      run.pick(run.cluster.nodes).proxy.cut('subscriber');
      await waitForAccepted(run, presence, 10);
      await askRedis(run, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub'));
    }
    await waitForAccepted(run, news, 10);
    await stop();
    await run.settled();
    await run.emptied();
  });

  fault('4.4 F20 joins and leaves while it is broken are sent once', shared, async (run) => {
    const { presence, clients, stop } = await startLoad(run, 3);
    const stopChurn = keepRejoining(run, clients, presence);
    for (let round = 0; round < 4; round += 1) {
      await waitForAccepted(run, presence, 10);
      run.pick(run.cluster.nodes).proxy.cut('subscriber');
    }
    await stopChurn();
    await stop();
    await run.settled();
    await run.emptied();
  });

  fault(
    '3.13 F19 when it receives nothing, the node replaces it and no event is lost',
    shared,
    async (run) => {
      const { news, stop } = await startLoad(run);
      const begin = performance.now();
      run.node(0).proxy.setFault('blackholed', 'subscriber');
      await sleep(LEASE_MS / 2);
      run.node(0).proxy.heal();
      await waitForAccepted(run, news, 20);
      await stop();
      await run.settled();
      report('F19', {
        'link that received nothing replaced and caught up after ms': Math.round(performance.now() - begin),
      });
      await run.emptied();
    },
  );

  fault(
    '3.13 F19 when its replacement receives nothing either, that is replaced too',
    shared,
    async (run) => {
      const { news, stop } = await startLoad(run);
      const { proxy, server } = run.node(0);
      proxy.setFault('blackholed', 'subscriber');
      await run.node(0).notReady(20_000);
      expect(server.output()).toContain('is open but receives no messages');
      // The new connection loses its first bytes and never recovers.
      await sleep(LEASE_MS);
      proxy.heal();
      await run.node(0).ready(20_000);
      await waitForAccepted(run, news, 20);
      await stop();
      await run.settled();
      await run.emptied();
    },
  );

  fault('3.13 F19 when it breaks while it is being opened, the node opens it again', shared, async (run) => {
    const { news, stop } = await startLoad(run);
    const { proxy } = run.node(0);
    // Both faults, so that the first answer on the new link is lost too.
    proxy.setFault('blackholed');
    proxy.cut('subscriber');
    await run.node(0).notReady();
    await sleep(LEASE_MS / 2);
    proxy.heal();
    await waitForAccepted(run, news, 10);
    await run.node(0).ready(15_000);
    await stop();
    await run.settled({ extraMemberChanges: (user) => (user.startsWith('u0') ? 2 : 0) });
    await run.emptied();
  });

  fault(
    '3.13 F24 when Redis closes it because the node reads too slowly, the node catches up',
    longLease,
    async (run) => {
      const { news, stop } = await startLoad(run);
      const filler = run.name('filler');
      await run.connectClient('reader', 1, [filler]);
      const limit = (value: string) =>
        askRedis(run, (redis) =>
          redis.call('CONFIG', 'SET', 'client-output-buffer-limit', `pubsub ${value}`),
        );
      await limit('64kb 64kb 1');
      run.node(1).proxy.setFault('stalled', 'subscriber');
      const subscribers = async (): Promise<number> => {
        const list = await askRedis(run, (redis) => redis.call('CLIENT', 'LIST', 'TYPE', 'PUBSUB'));
        return String(list).trim().split('\n').length;
      };
      const event = { name: 'padding', channel: filler, data: 'x'.repeat(9_000) };
      const body = { batch: Array.from({ length: 10 }, () => event) };
      await eventually(
        async () => {
          await Promise.all(Array.from({ length: 40 }, () => run.node(0).post('/batch_events', body)));
          return (await subscribers()) < run.cluster.nodes.length;
        },
        'Redis disconnects the slow subscriber',
        30_000,
      );
      run.node(1).proxy.heal();
      await limit('32mb 8mb 60');
      await waitForAccepted(run, news, 10);
      await stop();
      await run.settled();
      await run.emptied();
    },
  );
});

describe('the connection for commands', () => {
  fault(
    '8.3 F21 when it breaks, that node answers 503 and still delivers events of other nodes',
    longLease,
    async (run) => {
      const { presence, news, stop } = await startLoad(run);
      const node = run.node(2);
      node.proxy.setFault('blackholed', 'commands');
      node.proxy.cut('commands');
      await eventually(
        async () => (await run.publish(presence, node)).status === 503,
        'the node answers 503',
      );
      await node.notReady();
      await waitForAccepted(run, news, 30);
      const recent = run.recorder.accepted(news).at(-5)!;
      await eventually(
        () => run.recorder.receivedOn(node, news).includes(recent.number),
        'events of other nodes reach the clients of the node that cannot publish',
      );
      node.proxy.heal();
      node.proxy.cut('commands');
      await node.ready();
      expect((await run.publish(presence, node)).status).toBe(200);
      await stop();
      await run.settled();
      await run.emptied();
    },
  );

  fault('8.4 F15 a slow Redis only makes answers slower', longTimeout, async (run) => {
    for (const { proxy } of run.cluster.nodes) proxy.delayMs = 100;
    const { presence, news, clients, stop } = await startLoad(run);
    const stopChurn = keepRejoining(run, clients, presence);
    await waitForAccepted(run, news, 10);
    await stopChurn();
    await stop();
    const { refusals, longestMs } = run.recorder.answers;
    report('F15', { 'longest answer ms at 200 ms per command': Math.round(longestMs) });
    expect(refusals).toBe(0);
    run.cluster.heal();
    await run.settled();
    await run.emptied();
  });

  fault('4.4 F16 a command whose answer was lost takes effect once', shared, async (run) => {
    const { presence, news, clients, stop } = await startLoad(run, 3);
    const stopChurn = keepRejoining(run, clients, presence);
    for (let round = 0; round < 4; round += 1) {
      const { proxy } = run.pick(run.cluster.nodes);
      proxy.setFault('repliesLost', 'commands');
      await sleep(100 + run.random.next() * 200);
      proxy.heal();
      await waitForAccepted(run, news, 5);
    }
    await stopChurn();
    await stop();
    await run.cluster.ready();
    await run.settled();
    await run.emptied();
  });

  fault('3.13 F26 SCRIPT FLUSH has no effect on clients', shared, async (run) => {
    const { presence, news, clients, stop } = await startLoad(run);
    const stopChurn = keepRejoining(run, clients, presence);
    for (let round = 0; round < 5; round += 1) {
      await waitForAccepted(run, news, 5);
      await askRedis(run, (redis) => redis.call('SCRIPT', 'FLUSH'));
    }
    await stopChurn();
    await stop();
    expect(run.recorder.answers.refusals).toBe(0);
    await run.settled();
    await run.emptied();
  });
});

describe('both connections', () => {
  fault(
    '3.13 F23 when they break repeatedly, no event is lost and no member_removed is sent',
    longLease,
    async (run) => {
      const { presence, news, stop } = await startLoad(run);
      const { proxy } = run.node(1);
      for (let round = 0; round < 6; round += 1) {
        await waitForAccepted(run, news, 3);
        proxy.isRefusing = true;
        proxy.cut();
        await sleep(run.random.next() * 300);
        proxy.heal();
        await sleep(run.random.next() * 300);
      }
      await run.node(1).ready();
      await waitForAccepted(run, presence, 5);
      await stop();
      await run.settled();
      await run.emptied();
    },
  );

  fault(
    '4.4 F22 members of a node behind a partition are removed, and added again when it heals',
    shared,
    async (run) => {
      const { presence, news, stop } = await startLoad(run);
      const node = run.node(0);
      const begin = performance.now();
      node.proxy.setFault('stalled');
      await eventually(
        async () => {
          const { json } = await run.node(1).get(`/channels/${presence}/users`);
          return !JSON.stringify(json).includes('u0x');
        },
        'the other nodes have removed its members',
        15_000,
      );
      report('F22', { 'members behind the partition gone after ms': Math.round(performance.now() - begin) });
      await node.notReady();
      await waitForAccepted(run, news, 10);
      node.proxy.heal();
      await node.ready();
      await waitForAccepted(run, presence, 10);
      await stop();
      await run.settled({ extraMemberChanges: (user) => (user.startsWith('u0') ? 2 : 0) });
      await run.emptied();
    },
  );
});
