/** Faults of Redis itself. */
import { describe, expect } from 'vitest';
import { REDIS_TIMEOUT_MS } from '../support/cluster.ts';
import { askRedis, msUntilAccepting, startLoad, expectNoMemberChanges } from './steps.ts';
import { fault, report } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

describe('Redis is killed and started again', () => {
  const variants = [
    { kept: 'with its data', redisArgs: ['--appendonly', 'yes'] },
    { kept: 'with nothing', redisArgs: [] },
  ];
  for (const { kept, redisArgs } of variants) {
    fault(
      `4.4 F12 ${kept}: no accepted event is lost and no member seems to leave`,
      { redisArgs },
      async (stage) => {
        const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
        await stage.cluster.redis.kill();
        await Promise.all(stage.cluster.nodes.map((node) => node.unready()));
        await sleep(500);
        await stage.cluster.redis.restart();
        const ms = await msUntilAccepting(stage, news);
        await sleep(500);
        await stop();
        const { refusals, longestMs } = stage.recorder.answers;
        report(`F12 ${kept}`, {
          'back after ms': ms,
          'longest answer ms': Math.round(longestMs),
          'answers with 503': refusals,
        });
        expect(refusals).toBeGreaterThan(0);
        await stage.settled();
        // A loss of data is followed by the settling time, in which no member may be removed.
        await sleep(6_000);
        await stage.settled();
        expectNoMemberChanges(room, crowd);
        await stage.emptied();
      },
    );
  }
});

describe('Redis is unavailable', () => {
  fault('8.3 F13 joins and leaves meanwhile are in the rosters when it returns', {}, async (stage) => {
    const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
    await stage.cluster.redis.kill();
    const [goes, moves] = [crowd[0]!, crowd[4]!];
    await goes.leave(room);
    await moves.leave(room);
    await moves.enter(room);
    const comes = await stage.visitor('comes', 1, [room, news]);
    await stage.visitor('passes', 2, [room]).then((visitor) => visitor.quit());
    expect(comes.standing).toHaveLength(2);
    for (const node of stage.cluster.nodes) {
      await stage.ask(node, 'GET /channels', () => node.get('/channels'));
      await stage.ask(node, 'GET users', () => node.get(`/channels/${room}/users`));
      const { status } = await stage.publish(news, node);
      expect([node.index, status]).toEqual([node.index, 503]);
    }
    await sleep(1500);
    await stage.cluster.redis.restart();
    report('F13', {
      'back after ms': await msUntilAccepting(stage, news),
      'longest answer ms': Math.round(stage.recorder.answers.longestMs),
    });
    await stop();
    await stage.settled({ withinMs: 15_000 });
    await stage.emptied();
  });

  fault(
    '8.3 F14 frozen: every request is answered in time, then everything works again',
    {},
    async (stage) => {
      const { room, news, crowd, stop } = await startLoad(stage, 2, 20);
      stage.cluster.redis.pause();
      const begin = performance.now();
      const stopReads = stage.background(async () => {
        const node = stage.pick(stage.cluster.nodes);
        await Promise.all([
          stage.ask(node, 'GET /channels', () => node.get('/channels')),
          stage.ask(node, 'GET channel', () => node.get(`/channels/${room}`)),
          stage.ask(node, 'GET users', () => node.get(`/channels/${room}/users`)),
          stage.ask(node, 'GET /connections', () => node.get('/connections')),
        ]);
        await sleep(100);
      });
      await crowd[0]!.leave(room);
      const comes = await stage.visitor('comes', 1, [room, news]);
      report('F14', { 'a client got in during the freeze after ms': Math.round(performance.now() - begin) });
      expect(comes.standing).toHaveLength(2);
      await sleep(Math.max(0, 5_000 - (performance.now() - begin)));
      stage.cluster.redis.resume();
      const ms = await msUntilAccepting(stage, news);
      await stopReads();
      await stop();
      const { longestMs, refusals } = stage.recorder.answers;
      report('F14', {
        'back after ms': ms,
        'longest answer ms': Math.round(longestMs),
        'timeout ms': REDIS_TIMEOUT_MS,
        'answers with 503': refusals,
      });
      await stage.settled({ withinMs: 15_000 });
      await stage.emptied();
    },
  );

  fault(
    '4.4 F26 FLUSHALL: every node writes its data again, and no member seems to leave',
    {},
    async (stage) => {
      const { room, news, crowd, stop } = await startLoad(stage, 3, 20);
      await askRedis(stage, (redis) => redis.call('FLUSHALL'));
      const ms = await msUntilAccepting(stage, news);
      report('F26', { 'back after ms': ms });
      await sleep(1000);
      await stop();
      await stage.settled();
      await sleep(6_000);
      await stage.settled();
      expectNoMemberChanges(room, crowd);
      await stage.emptied();
    },
  );
});
