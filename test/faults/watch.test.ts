import { afterAll, expect } from 'vitest';
import { CaseTools } from '../conformance/case-tools.ts';
import { dataOf } from '../support/wire.ts';
import { fault, SharedCluster } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster();
afterAll(() => shared.close());
for (const kind of ['swallow', 'cut'] as const)
  fault(
    `6.5 F20 watchers receive a missed change when the connection to Redis is back (${kind})`,
    shared,
    async (run) => {
      const [here, there] = [0, 1].map((at) => new CaseTools(run.node(at).endpoint)) as [
        CaseTools,
        CaseTools,
      ];
      const watched = run.name('watched');
      const wire = await here.signedIn({ id: run.name('watcher'), watchlist: [watched] });
      const next = async () =>
        (dataOf(await wire.next('pusher_internal:watchlist_events', 15_000)) as { events: unknown[] }).events;
      expect(await next()).toEqual([{ name: 'offline', user_ids: [watched] }]);
      const { proxy } = run.node(0);
      if (kind === 'swallow') proxy.setFault('blackholed', 'subscriber');
      else {
        proxy.isRefusing = true;
        proxy.cut('subscriber');
      }
      await there.signedIn({ id: watched });
      await sleep(500);
      proxy.heal();
      try {
        expect(await next()).toEqual([{ name: 'online', user_ids: [watched] }]);
      } finally {
        await here.cleanUp();
        await there.cleanUp();
      }
    },
  );
