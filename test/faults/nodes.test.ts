/** Faults of whole nodes: killed, frozen, stopped, started. Redis and the network work. */
import { afterAll, describe, expect } from 'vitest';
import { LEASE_MS, type TestNode } from '../support/cluster.ts';
import type { ClusterClient } from '../support/cluster-client.ts';
import { changesByUser, rosterOf } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { startLoad, waitForAccepted } from './steps.ts';
import { fault, report, SharedCluster } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster();
afterAll(() => shared.close());

/** Users on a channel, by the answer of one node. */
async function usersOn(node: TestNode, channel: string): Promise<string> {
  const { json } = await node.get(`/channels/${channel}/users`);
  return ((json as { users?: { id: string }[] } | undefined)?.users ?? [])
    .map(({ id }) => id)
    .sort()
    .join();
}

/** Milliseconds until a node no longer lists a user. */
async function msUntilRemoved(node: TestNode, channel: string, user: string): Promise<number> {
  const begin = performance.now();
  await eventually(
    async () => !(await usersOn(node, channel)).includes(user),
    `${user} is removed from ${channel}`,
    20_000,
  );
  return Math.round(performance.now() - begin);
}

/** Kills a node; its clients do not reconnect. */
async function killWithClients(node: TestNode, clients: readonly ClusterClient[]): Promise<void> {
  const connected = clients.filter((client) => client.node === node);
  await Promise.all([...connected.map((client) => client.close(true)), node.kill()]);
}

describe('a node is killed', () => {
  fault('3.11 F01 its clients reconnect to other nodes, and no stale member remains', shared, async (run) => {
    const { presence, clients, stop } = await startLoad(run, 10);
    // This user also has a socket on another node and therefore never leaves.
    await run.connectClient('u0x0', 1, [presence]);
    await sleep(100);
    const begin = performance.now();
    await run.node(0).kill();
    await eventually(
      () => clients.every(({ confirmed, node }) => confirmed.length === 2 && node.index !== 0),
      'all clients are back',
      10_000,
    );
    report('F01', { 'clients back after ms': Math.round(performance.now() - begin) });
    await stop();
    await run.node(0).start();
    await run.settled();
    await run.emptied();
  });

  fault('4.4 F01 the removal of its members is sent once', shared, async (run) => {
    const { presence, clients, stop } = await startLoad(run, 5);
    await killWithClients(run.node(2), clients);
    const ms = await msUntilRemoved(run.node(0), presence, 'u2x');
    report('F01', { 'stale members removed after ms': ms, 'lease ms': LEASE_MS });
    expect(ms).toBeLessThan(LEASE_MS * 2);
    await stop();
    await run.settled();
    const watcher = clients[0]!.subscriptions.find(({ channel }) => channel === presence)!;
    const changes = changesByUser(watcher);
    for (const at of [0, 1, 2, 3, 4]) expect(changes.get(`u2x${at}`)).toBeLessThanOrEqual(2);
    expect(rosterOf(watcher).join()).toBe(await usersOn(run.node(1), presence));
    await run.node(2).start();
    await run.emptied();
  });

  fault('4.4 F02 in the middle of a join: no member without a socket remains', shared, async (run) => {
    const { presence, clients } = await startLoad(run, 1);
    const node = run.node(1);
    for (let round = 0; round < 3; round += 1) {
      node.proxy.setFault('repliesLost', 'commands');
      const joining = run.connectClient(`late${round}`, 1, [presence]).catch(() => undefined);
      await sleep(20 + run.random.next() * 200);
      await node.kill();
      node.proxy.heal();
      await joining;
      await node.start();
    }
    expect(clients).toHaveLength(3);
    await run.settled();
    await run.emptied();
  });

  // With one partition the cleanup takes several steps; slow answers of Redis let the kill interrupt it.
  const slowCleanup = { env: { WAVEHALL_REDIS_PARTITIONS: '1' } };
  fault(
    '4.4 F03 F04 while two nodes clean up after it, one of them is killed: each leave is sent once',
    slowCleanup,
    async (run) => {
      const channels = Array.from({ length: 80 }, (_, at) => run.name(`presence-room${at}`));
      const watcher = await run.connectClient('watcher', 2, channels);
      const users = ['victim0', 'victim1', 'victim2', 'victim3'];
      const victims = await Promise.all(
        users.map((user, at) => run.connectClient(user, at < 3 ? 0 : 1, channels)),
      );
      for (const at of [1, 2]) run.node(at).proxy.delayMs = 30;
      await killWithClients(run.node(0), victims);
      const cleaned = (): number =>
        watcher.subscriptions.filter(
          (each) => !users.slice(0, 3).some((user) => rosterOf(each).includes(user)),
        ).length;
      await eventually(() => cleaned() > 0, 'the cleanup has begun', 20_000);
      const atKill = cleaned();
      await killWithClients(run.node(1), victims);
      run.node(2).proxy.delayMs = 0;
      report('F03', {
        'channels cleaned up when one of two cleaning nodes was killed': atKill,
        of: channels.length,
      });
      await run.settled({ withinMs: 15_000 });
      for (const each of watcher.subscriptions) {
        const changes = users.map((user) => changesByUser(each).get(user) ?? 0);
        expect([each.channel, changes, rosterOf(each)]).toEqual([each.channel, [2, 2, 2, 2], ['watcher']]);
      }
      await Promise.all([run.node(0).start(), run.node(1).start()]);
      await run.emptied();
    },
  );

  fault(
    '4.4 F08 when all are killed and one starts again, it removes the members of all',
    shared,
    async (run) => {
      const { presence, news, clients, stop } = await startLoad(run, 2);
      await stop();
      await Promise.all(run.cluster.nodes.map((node) => killWithClients(node, clients)));
      await run.node(0).start();
      const ms = await msUntilRemoved(run.node(0), presence, 'u');
      report('F08', { 'stale members of all nodes removed after ms': ms });
      await run.settled();
      await run.recorder.expectNoKeysLeft();
      await Promise.all([run.node(1).start(), run.node(2).start()]);
      expect((await run.publish(news, run.node(2))).status).toBe(200);
      await run.emptied();
    },
  );

  fault(
    '4.4 F52 when it starts again before its lease ends, no stale member remains',
    shared,
    async (run) => {
      const { presence, stop } = await startLoad(run, 2);
      await run.node(0).kill();
      await run.node(0).start();
      await run.connectClient('newcomer', 0, [presence]);
      await sleep(LEASE_MS * 1.5);
      await stop();
      await run.settled();
      await run.emptied();
    },
  );
});

describe('a node is suspended', () => {
  fault(
    '4.4 F09 for less than its lease: no event is lost and no member_removed is sent',
    shared,
    async (run) => {
      const { news, stop } = await startLoad(run);
      run.node(0).freeze();
      await sleep(LEASE_MS / 3);
      run.node(0).resume();
      await eventually(
        async () => (await run.publish(news, run.node(0))).status === 200,
        'it publishes again',
      );
      await stop();
      await run.settled();
      await run.emptied();
    },
  );

  fault(
    '4.4 F10 for longer than its lease: its members are removed, and added again when it continues',
    shared,
    async (run) => {
      const { presence, stop } = await startLoad(run);
      const node = run.node(0);
      node.freeze();
      await msUntilRemoved(run.node(1), presence, 'u0x');
      const begin = performance.now();
      node.resume();
      await eventually(
        async () => (await usersOn(run.node(1), presence)).includes('u0x0,u0x1'),
        'its members are back',
        10_000,
      );
      report('F10', { 'back after SIGCONT ms': Math.round(performance.now() - begin) });
      await stop();
      await run.settled({ extraMemberChanges: (user) => (user.startsWith('u0') ? 2 : 0) });
      await run.emptied();
    },
  );
});

describe('a node is stopped', () => {
  fault('2.13 F05 F06 under load: every accepted event arrives, exit 0', shared, async (run) => {
    const { presence, clients, stop } = await startLoad(run, 10);
    const node = run.node(1);
    await sleep(100);
    node.mayFail = true;
    node.server.kill('SIGTERM');
    await sleep(run.random.next() * 200);
    node.server.kill('SIGINT');
    expect(await node.server.exited).toBe(0);
    const codes = clients.filter(({ closings }) => closings.length > 0).flatMap(({ closings }) => closings);
    expect(codes).toEqual(Array.from({ length: 10 }, () => 4200));
    // It has released its lease: the other nodes do not wait for the lease to expire.
    await eventually(
      async () => (await usersOn(run.node(0), presence)) === run.recorder.expectedUsers(presence).join(),
      'the members are removed before the lease would expire',
      LEASE_MS / 2,
    );
    await stop();
    await node.start();
    await run.settled();
    await run.emptied();
  });

  fault(
    '2.13 F07 all nodes are replaced one after another: every accepted event arrives',
    shared,
    async (run) => {
      const { news, clients, stop } = await startLoad(run, 5);
      for (const node of run.cluster.nodes) {
        node.mayFail = true;
        node.server.kill('SIGTERM');
        expect(await node.server.exited).toBe(0);
        await node.start();
        await node.ready();
        await waitForAccepted(run, news, 10);
      }
      await stop();
      await run.settled();
      const reconnects = clients.map(({ closings }) => closings.length);
      report('F07', { 'reconnects of one client at most': Math.max(...reconnects) });
      expect(Math.max(...reconnects)).toBeLessThanOrEqual(run.cluster.nodes.length);
      expect(clients.flatMap(({ closings }) => closings).filter((code) => code !== 4200)).toEqual([]);
      await run.emptied();
    },
  );
});
