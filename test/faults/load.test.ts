/** Load: many joins and leaves, users with sockets on every node, many clients that reconnect at once. */
import { afterAll, describe, expect } from 'vitest';
import type { ClusterClient } from '../support/cluster-client.ts';
import { changesByUser } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { fault, report, SharedCluster } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster();
afterAll(() => shared.close());

describe('presence', () => {
  fault('4.4 F36 churn: quick joins and leaves are sent correctly', shared, async (stage) => {
    const room = stage.name('presence-room');
    const crowd = await stage.crowd(8, [room]);
    const begin = performance.now();
    let steps = 0;
    const lanes = Array.from({ length: 12 }, (_, at) =>
      stage.background(async () => {
        const visitor = crowd[at * 2]!;
        await visitor.leave(room);
        if (stage.random.next() < 0.3) await sleep(stage.random.next() * 30);
        await visitor.enter(room);
        steps += 2;
      }),
    );
    const stop = stage.load([room]);
    await eventually(() => steps >= 1500, 'there was enough coming and going', 20_000);
    await Promise.all([...lanes.map((end) => end()), stop()]);
    report('F36', {
      'joins and leaves per second': Math.round((steps * 1000) / (performance.now() - begin)),
    });
    await stage.settled();
    await stage.emptied();
  });

  fault(
    '4.4 F37 one user with many sockets on three nodes joins once and leaves once',
    shared,
    async (stage) => {
      const room = stage.name('presence-room');
      const watcher = await stage.visitor('watcher', 0, [room]);
      for (let round = 1; round <= 3; round += 1) {
        const tabs: ClusterClient[] = await Promise.all(
          Array.from({ length: 24 }, (_, at) => stage.visitor('tabs', at % 3, [room])),
        );
        await stage.settled();
        while (tabs.length > 0) {
          const at = Math.floor(stage.random.next() * tabs.length);
          const [tab] = tabs.splice(at, 1);
          if (stage.random.next() < 0.5) await tab!.quit(stage.random.next() < 0.5);
          else void tab!.quit();
        }
        await eventually(() => stage.recorder.truth(room).join() === 'watcher', 'all tabs are closed');
        await stage.settled();
        expect(changesByUser(watcher.subscriptions[0]!).get('tabs')).toBe(round * 2);
      }
      await stage.emptied();
    },
  );
});

describe('returning clients', () => {
  fault('3.11 F34 500 clients of a killed node reconnect and receive everything', shared, async (stage) => {
    const [room, news] = [stage.name('presence-room'), stage.name('news')];
    const rooms = [room, news];
    const crowd: ClusterClient[] = [];
    for (let wave = 0; wave < 10; wave += 1) {
      const users = Array.from({ length: 50 }, (_, at) => `w${wave}x${at}`);
      crowd.push(...(await Promise.all(users.map((user) => stage.visitor(user, 0, [news])))));
    }
    await Promise.all([1, 2].map((at) => stage.visitor(`watcher${at}`, at, rooms)));
    const stop = stage.load([news]);
    await sleep(200);
    const begin = performance.now();
    await stage.node(0).kill();
    await eventually(
      () => crowd.every(({ standing }) => standing.length === 1 && standing[0]!.node.index !== 0),
      'all are back',
      20_000,
    );
    report('F34', { '500 clients back after ms': Math.round(performance.now() - begin) });
    await sleep(300);
    await stop();
    await stage.node(0).start();
    await stage.settled();
    await stage.emptied();
  });
});
