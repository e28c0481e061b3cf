/** Faults of whole nodes: killed, frozen, stopped, started. Redis and the network are well. */
import { afterAll, describe, expect } from 'vitest';
import { LEASE_MS, type TestNode } from '../support/cluster.ts';
import type { ClusterClient } from '../support/cluster-client.ts';
import { changesByUser, rosterOf } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { startLoad, acceptedMore } from './steps.ts';
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
async function goneAfter(node: TestNode, channel: string, user: string): Promise<number> {
  const begin = performance.now();
  await eventually(
    async () => !(await usersOn(node, channel)).includes(user),
    `${user} is gone from ${channel}`,
    20_000,
  );
  return Math.round(performance.now() - begin);
}

/** Kills a node and closes its clients for good. */
async function killWithAll(node: TestNode, crowd: readonly ClusterClient[]): Promise<void> {
  const there = crowd.filter((visitor) => visitor.node === node);
  await Promise.all([...there.map((visitor) => visitor.quit(true)), node.kill()]);
}

describe('a node is killed', () => {
  fault(
    '3.11 F01 its clients reconnect to other nodes, and no stale member remains',
    shared,
    async (stage) => {
      const { room, crowd, stop } = await startLoad(stage, 10);
      // With a second socket on another node: this user never leaves.
      await stage.visitor('u0x0', 1, [room]);
      await sleep(100);
      const begin = performance.now();
      await stage.node(0).kill();
      await eventually(
        () => crowd.every(({ standing, node }) => standing.length === 2 && node.index !== 0),
        'everybody is back',
        10_000,
      );
      report('F01', { 'clients back after ms': Math.round(performance.now() - begin) });
      await stop();
      await stage.node(0).start();
      await stage.settled();
      await stage.emptied();
    },
  );

  fault('4.4 F01 the removal of its members is sent once', shared, async (stage) => {
    const { room, crowd, stop } = await startLoad(stage, 5);
    await killWithAll(stage.node(2), crowd);
    const ms = await goneAfter(stage.node(0), room, 'u2x');
    report('F01', { 'ghosts gone after ms': ms, 'lease ms': LEASE_MS });
    expect(ms).toBeLessThan(LEASE_MS * 2);
    await stop();
    await stage.settled();
    const watcher = crowd[0]!.subscriptions.find(({ channel }) => channel === room)!;
    const changes = changesByUser(watcher);
    for (const at of [0, 1, 2, 3, 4]) expect(changes.get(`u2x${at}`)).toBeLessThanOrEqual(2);
    expect(rosterOf(watcher).join()).toBe(await usersOn(stage.node(1), room));
    await stage.node(2).start();
    await stage.emptied();
  });

  fault('4.4 F02 in the middle of a join: no member without a socket', shared, async (stage) => {
    const { room, crowd } = await startLoad(stage, 1);
    const node = stage.node(1);
    for (let round = 0; round < 3; round += 1) {
      node.proxy.suffer('mute', 'commands');
      const joining = stage.visitor(`late${round}`, 1, [room]).catch(() => undefined);
      await sleep(20 + stage.random.next() * 200);
      await node.kill();
      node.proxy.heal();
      await joining;
      await node.start();
    }
    expect(crowd).toHaveLength(3);
    await stage.settled();
    await stage.emptied();
  });

  // One partition, so that the cleanup takes several steps, and slow answers, so that the kill falls into its middle.
  const slowBurial = { env: { WAVEHALL_REDIS_PARTITIONS: '1' } };
  fault(
    '4.4 F03 F04 two others clean it up at once, and one of them is killed too',
    slowBurial,
    async (stage) => {
      const rooms = Array.from({ length: 80 }, (_, at) => stage.name(`presence-room${at}`));
      const watcher = await stage.visitor('watcher', 2, rooms);
      const users = ['doomed0', 'doomed1', 'doomed2', 'doomed3'];
      const doomed = await Promise.all(users.map((user, at) => stage.visitor(user, at < 3 ? 0 : 1, rooms)));
      for (const at of [1, 2]) stage.node(at).proxy.delayMs = 30;
      await killWithAll(stage.node(0), doomed);
      const cleaned = (): number =>
        watcher.subscriptions.filter(
          (each) => !users.slice(0, 3).some((user) => rosterOf(each).includes(user)),
        ).length;
      await eventually(() => cleaned() > 0, 'the cleanup has begun', 20_000);
      const atKill = cleaned();
      await killWithAll(stage.node(1), doomed);
      stage.node(2).proxy.delayMs = 0;
      report('F03', {
        'rooms cleaned up when one of two cleaning nodes was killed': atKill,
        of: rooms.length,
      });
      await stage.settled({ withinMs: 15_000 });
      for (const each of watcher.subscriptions) {
        const changes = users.map((user) => changesByUser(each).get(user) ?? 0);
        expect([each.channel, changes, rosterOf(each)]).toEqual([each.channel, [2, 2, 2, 2], ['watcher']]);
      }
      await Promise.all([stage.node(0).start(), stage.node(1).start()]);
      await stage.emptied();
    },
  );

  fault('4.4 F08 all are killed, one is started: it cleans up all of them', shared, async (stage) => {
    const { room, news, crowd, stop } = await startLoad(stage, 2);
    await stop();
    await Promise.all(stage.cluster.nodes.map((node) => killWithAll(node, crowd)));
    await stage.node(0).start();
    const ms = await goneAfter(stage.node(0), room, 'u');
    report('F08', { 'ghosts of all nodes gone after ms': ms });
    await stage.settled();
    await stage.recorder.nothingLeft();
    await Promise.all([stage.node(1).start(), stage.node(2).start()]);
    expect((await stage.publish(news, stage.node(2))).status).toBe(200);
    await stage.emptied();
  });

  fault('4.4 F52 it is started again before its lease ends: a new incarnation', shared, async (stage) => {
    const { room, stop } = await startLoad(stage, 2);
    await stage.node(0).kill();
    await stage.node(0).start();
    await stage.visitor('newcomer', 0, [room]);
    await sleep(LEASE_MS * 1.5);
    await stop();
    await stage.settled();
    await stage.emptied();
  });
});

describe('a node is suspended', () => {
  fault('4.4 F09 for less than its lease: no client notices', shared, async (stage) => {
    const { news, stop } = await startLoad(stage);
    stage.node(0).freeze();
    await sleep(LEASE_MS / 3);
    stage.node(0).thaw();
    await eventually(
      async () => (await stage.publish(news, stage.node(0))).status === 200,
      'it publishes again',
    );
    await stop();
    await stage.settled();
    await stage.emptied();
  });

  fault(
    '4.4 F10 for longer than its lease: it is fenced and attaches as a new incarnation',
    shared,
    async (stage) => {
      const { room, stop } = await startLoad(stage);
      const node = stage.node(0);
      node.freeze();
      await goneAfter(stage.node(1), room, 'u0x');
      const begin = performance.now();
      node.thaw();
      await eventually(
        async () => (await usersOn(stage.node(1), room)).includes('u0x0,u0x1'),
        'its members are back',
        10_000,
      );
      report('F10', { 'back after waking ms': Math.round(performance.now() - begin) });
      await stop();
      await stage.settled({ flaps: (user) => (user.startsWith('u0') ? 2 : 0) });
      await stage.emptied();
    },
  );
});

describe('a node is stopped', () => {
  fault('2.13 F05 F06 under load: every accepted event arrives, exit 0', shared, async (stage) => {
    const { room, crowd, stop } = await startLoad(stage, 10);
    const node = stage.node(1);
    await sleep(100);
    node.mayFail = true;
    node.server.kill('SIGTERM');
    await sleep(stage.random.next() * 200);
    node.server.kill('SIGINT');
    expect(await node.server.exited).toBe(0);
    const codes = crowd.filter(({ closings }) => closings.length > 0).flatMap(({ closings }) => closings);
    expect(codes).toEqual(Array.from({ length: 10 }, () => 4200));
    // It has released its lease: the others do not wait for its end.
    await eventually(
      async () => (await usersOn(stage.node(0), room)) === stage.recorder.truth(room).join(),
      'members agree at once',
      LEASE_MS / 2,
    );
    await stop();
    await node.start();
    await stage.settled();
    await stage.emptied();
  });

  fault(
    '2.13 F07 all nodes are replaced one after another: every accepted event arrives',
    shared,
    async (stage) => {
      const { news, crowd, stop } = await startLoad(stage, 5);
      for (const node of stage.cluster.nodes) {
        node.mayFail = true;
        node.server.kill('SIGTERM');
        expect(await node.server.exited).toBe(0);
        await node.start();
        await node.ready();
        await acceptedMore(stage, news, 10);
      }
      await stop();
      await stage.settled();
      const moves = crowd.map(({ closings }) => closings.length);
      report('F07', { 'moves of one client at most': Math.max(...moves) });
      expect(Math.max(...moves)).toBeLessThanOrEqual(stage.cluster.nodes.length);
      expect(crowd.flatMap(({ closings }) => closings).filter((code) => code !== 4200)).toEqual([]);
      await stage.emptied();
    },
  );
});
