/** Load: many joins and leaves, users with sockets on every node, many clients that reconnect together. */
import { afterAll, describe, expect } from 'vitest';
import type { ClusterClient } from '../support/cluster-client.ts';
import { changesByUser } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { fault, report, SharedCluster } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster();
afterAll(() => shared.close());

describe('presence', () => {
  fault('4.4 F36 quick joins and leaves are sent correctly', shared, async (run) => {
    const presence = run.name('presence-room');
    const clients = await run.connectClients(8, [presence]);
    const begin = performance.now();
    let steps = 0;
    const loops = Array.from({ length: 12 }, (_, at) =>
      run.background(async () => {
        const client = clients[at * 2]!;
        await client.unsubscribe(presence);
        if (run.random.next() < 0.3) await sleep(run.random.next() * 30);
        await client.subscribe(presence);
        steps += 2;
      }),
    );
    const stop = run.load([presence]);
    await eventually(() => steps >= 1500, 'clients joined and left 1500 times', 20_000);
    await Promise.all([...loops.map((end) => end()), stop()]);
    report('F36', {
      'joins and leaves per second': Math.round((steps * 1000) / (performance.now() - begin)),
    });
    await run.settled();
    await run.emptied();
  });

  fault(
    '4.4 F37 one user with many sockets on three nodes joins once and leaves once',
    shared,
    async (run) => {
      const presence = run.name('presence-room');
      const watcher = await run.connectClient('watcher', 0, [presence]);
      for (let round = 1; round <= 3; round += 1) {
        const tabs: ClusterClient[] = await Promise.all(
          Array.from({ length: 24 }, (_, at) => run.connectClient('tabs', at % 3, [presence])),
        );
        await run.settled();
        while (tabs.length > 0) {
          const at = Math.floor(run.random.next() * tabs.length);
          const [tab] = tabs.splice(at, 1);
          if (run.random.next() < 0.5) await tab!.close(run.random.next() < 0.5);
          else void tab!.close();
        }
        await eventually(
          () => run.recorder.expectedUsers(presence).join() === 'watcher',
          'all tabs are closed',
        );
        await run.settled();
        expect(changesByUser(watcher.subscriptions[0]!).get('tabs')).toBe(round * 2);
      }
      await run.emptied();
    },
  );
});

describe('returning clients', () => {
  fault('3.11 F34 500 clients of a killed node reconnect and receive everything', shared, async (run) => {
    const [presence, news] = [run.name('presence-room'), run.name('news')];
    const channels = [presence, news];
    const clients: ClusterClient[] = [];
    for (let wave = 0; wave < 10; wave += 1) {
      const users = Array.from({ length: 50 }, (_, at) => `w${wave}x${at}`);
      clients.push(...(await Promise.all(users.map((user) => run.connectClient(user, 0, [news])))));
    }
    await Promise.all([1, 2].map((at) => run.connectClient(`watcher${at}`, at, channels)));
    const stop = run.load([news]);
    await sleep(200);
    const begin = performance.now();
    await run.node(0).kill();
    await eventually(
      () => clients.every(({ confirmed }) => confirmed.length === 1 && confirmed[0]!.node.index !== 0),
      'all clients are back',
      20_000,
    );
    report('F34', { '500 clients back after ms': Math.round(performance.now() - begin) });
    await sleep(300);
    await stop();
    await run.node(0).start();
    await run.settled();
    await run.emptied();
  });
});
