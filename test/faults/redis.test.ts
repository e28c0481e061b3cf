/** Faults of Redis itself. */
import { describe, expect } from 'vitest';
import { REDIS_TIMEOUT_MS } from '../support/cluster.ts';
import { askRedis, changeMembers, msUntilAccepting, startLoad, expectNoMemberChanges } from './steps.ts';
import { fault, report } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

describe('Redis is killed and started again', () => {
  const variants = [
    { restart: 'with its data', redisArgs: ['--appendonly', 'yes'] },
    { restart: 'empty', redisArgs: [] },
  ];
  for (const { restart, redisArgs } of variants) {
    fault(
      `4.4 F12 ${restart}: no accepted event is lost and no member_removed is sent`,
      { redisArgs },
      async (run) => {
        const { presence, news, clients, stop } = await startLoad(run, 3, 20);
        await run.cluster.redis.kill();
        await Promise.all(run.cluster.nodes.map((node) => node.notReady()));
        await sleep(500);
        await run.cluster.redis.restart();
        const ms = await msUntilAccepting(run, news);
        await sleep(500);
        await stop();
        const { refusals, longestMs } = run.recorder.answers;
        report(`F12 ${restart}`, {
          'back after ms': ms,
          'longest answer ms': Math.round(longestMs),
          'answers with 503': refusals,
        });
        expect(refusals).toBeGreaterThan(0);
        await run.settled();
        // A loss of data is followed by the settling time, in which no member may be removed.
        await sleep(6_000);
        await run.settled();
        expectNoMemberChanges(presence, clients);
        await run.emptied();
      },
    );
  }
});

describe('Redis is unavailable', () => {
  fault('8.3 F13 the rosters contain joins and leaves of that time when it is back', {}, async (run) => {
    const { presence, news, clients, stop } = await startLoad(run, 3, 20);
    await run.cluster.redis.kill();
    await changeMembers(run, clients, presence, news);
    for (const node of run.cluster.nodes) {
      await run.request(node, 'GET /channels', () => node.get('/channels'));
      await run.request(node, 'GET users', () => node.get(`/channels/${presence}/users`));
      const { status } = await run.publish(news, node);
      expect([node.index, status]).toEqual([node.index, 503]);
    }
    await sleep(1500);
    await run.cluster.redis.restart();
    report('F13', {
      'back after ms': await msUntilAccepting(run, news),
      'longest answer ms': Math.round(run.recorder.answers.longestMs),
    });
    await stop();
    await run.settled({ withinMs: 15_000 });
    await run.emptied();
  });

  fault('8.3 F14 frozen: every request is answered in time, and it recovers', {}, async (run) => {
    const { presence, news, clients, stop } = await startLoad(run, 2, 20);
    run.cluster.redis.pause();
    const begin = performance.now();
    const stopReads = run.background(async () => {
      const node = run.pick(run.cluster.nodes);
      await Promise.all([
        run.request(node, 'GET /channels', () => node.get('/channels')),
        run.request(node, 'GET channel', () => node.get(`/channels/${presence}`)),
        run.request(node, 'GET users', () => node.get(`/channels/${presence}/users`)),
        run.request(node, 'GET /connections', () => node.get('/connections')),
      ]);
      await sleep(100);
    });
    await clients[0]!.unsubscribe(presence);
    const joining = await run.connectClient('joining', 1, [presence, news]);
    report('F14', {
      'a client subscribed during the freeze after ms': Math.round(performance.now() - begin),
    });
    expect(joining.confirmed).toHaveLength(2);
    await sleep(Math.max(0, 5_000 - (performance.now() - begin)));
    run.cluster.redis.resume();
    const ms = await msUntilAccepting(run, news);
    await stopReads();
    await stop();
    const { longestMs, refusals } = run.recorder.answers;
    report('F14', {
      'back after ms': ms,
      'longest answer ms': Math.round(longestMs),
      'timeout ms': REDIS_TIMEOUT_MS,
      'answers with 503': refusals,
    });
    await run.settled({ withinMs: 15_000 });
    await run.emptied();
  });

  fault(
    '4.4 F26 FLUSHALL: every node writes its data again, and no member_removed is sent',
    {},
    async (run) => {
      const { presence, news, clients, stop } = await startLoad(run, 3, 20);
      await askRedis(run, (redis) => redis.call('FLUSHALL'));
      const ms = await msUntilAccepting(run, news);
      report('F26', { 'back after ms': ms });
      await sleep(1000);
      await stop();
      await run.settled();
      await sleep(6_000);
      await run.settled();
      expectNoMemberChanges(presence, clients);
      await run.emptied();
    },
  );
});
