/** Redis carries out a command late, or its answer is lost: the HTTP answer must be true. */
import { Redis } from 'ioredis';
import { afterAll, describe, expect } from 'vitest';
import type { SentEvent } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { msUntilAccepting, startLoad, acceptedMore } from './steps.ts';
import { fault, report, SharedCluster, type FaultRun } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster({ env: { WAVEHALL_LEASE_SECONDS: '12' } });
afterAll(() => shared.close());

/** Where there is time to ask. */
const slow = { env: { WAVEHALL_REDIS_TIMEOUT_MS: '4000' } };

/** Publishes whose outcome stayed unknown, by the metrics of all nodes. */
async function unknownOutcomes({ cluster }: FaultRun): Promise<number> {
  const texts = await Promise.all(cluster.up.map((node) => node.metrics()));
  const counts = texts.map((text) => /^wavehall_redis_unknown_outcomes_total (\d+)/m.exec(text)?.[1]);
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

describe('Redis is frozen', () => {
  fault(
    '8.3 F14 answers 503 to what is sent meanwhile, and never delivers it later',
    shared,
    async (stage) => {
      const news = stage.name('news');
      await stage.crowd(2, [news]);
      expect((await stage.publish(news, stage.node(0))).status).toBe(200);
      stage.cluster.redis.pause();
      await sleep(50);
      const sent: Promise<{ readonly status: number }>[] = [];
      for (let number = 0; number < 50; number += 1) {
        sent.push(stage.publish(news, stage.pick(stage.cluster.nodes)));
        await sleep(50);
      }
      const statuses = (await Promise.all(sent)).map(({ status }) => status);
      expect(statuses).toEqual(Array(50).fill(503));
      stage.cluster.redis.resume();
      await msUntilAccepting(stage, news);
      await stage.settled();
      await stage.emptied();
    },
  );

  fault('8.11 /up answers 503 within 2 s, and 200 again when Redis answers', shared, async (stage) => {
    const news = stage.name('news');
    await stage.crowd(1, [news]);
    const ups = async (): Promise<number[]> => Promise.all(stage.cluster.nodes.map((node) => node.health()));
    stage.cluster.redis.pause();
    const frozenMs = performance.now();
    await eventually(async () => (await ups()).every((status) => status === 503), '/up answers 503');
    const afterMs = performance.now() - frozenMs;
    stage.cluster.redis.resume();
    await eventually(async () => (await ups()).every((status) => status === 200), '/up answers 200 again');
    report('/up', { 'answers 503 after ms': Math.round(afterMs) });
    expect(afterMs).toBeLessThan(2000);
    await msUntilAccepting(stage, news);
    await stage.emptied();
  });

  fault(
    '8.3 F14 repeatedly, under load: an event with 503 arrives nowhere, one with 200 everywhere',
    shared,
    async (stage) => {
      const before = await unknownOutcomes(stage);
      const { news, stop } = await startLoad(stage, 2, 2);
      for (let round = 0; round < 12; round += 1) {
        stage.cluster.redis.pause();
        await sleep(50 + stage.random.next() * 1200);
        stage.cluster.redis.resume();
        await sleep(stage.random.next() * 300);
      }
      await msUntilAccepting(stage, news);
      await stop();
      const { answers, refusals, unknown, longestMs } = stage.recorder.answers;
      report('F14 frozen 12 times', {
        ...{ 'answers with 200': answers, 'with 503': refusals, 'with 504': unknown },
        'longest answer ms': Math.round(longestMs),
      });
      expect(refusals).toBeGreaterThan(0);
      expect((await unknownOutcomes(stage)) > before).toBe(unknown > 0);
      await stage.settled({ withinMs: 15_000 });
      await stage.emptied();
    },
  );
});

interface Unheard {
  /** Publishes that have reached node 1 and are not answered yet. */
  readonly taken: readonly SentEvent[];
  /** Settles when all that was sent is answered. */
  readonly answered: Promise<unknown>;
}

/**
 * Publishes through node 0 without a pause until its link to Redis brings no answers any more, and again from the start
 * where Redis had just answered everything.
 */
async function unheard(stage: FaultRun, channel: string): Promise<Unheard> {
  const node = stage.node(0);
  const taken = (): SentEvent[] => {
    const seen = stage.recorder.receivedOn(stage.node(1), channel);
    return stage.recorder.underway(channel).filter(({ number }) => seen.includes(number));
  };
  for (;;) {
    const isMute = (): boolean => node.proxy.faultOf('commands') === 'mute';
    let wasMuted = false;
    const lane = async (): Promise<void> => {
      let status: number;
      do ({ status } = await stage.publish(channel, node));
      while (!wasMuted || (status === 200 && isMute()));
    };
    const answered = Promise.all(Array.from({ length: 4 }, lane));
    await acceptedMore(stage, channel, 20);
    wasMuted = true;
    node.proxy.suffer('mute', 'commands');
    const isTaken = eventually(() => taken().length > 0, 'node 1 has an event that is not answered', 500);
    const isThere = await isTaken.then(
      () => true,
      () => false,
    );
    // What node 0 was about to answer when its link fell silent is answered before this request.
    if (isThere) await node.live();
    const unanswered = taken();
    if (unanswered.length > 0) return { taken: unanswered, answered };
    node.proxy.heal();
    await answered;
    await node.ready();
  }
}

describe('the answer of Redis is lost', () => {
  fault(
    '8.3 answers 200 to what Redis had carried out when Redis can be asked in time',
    slow,
    async (stage) => {
      const news = stage.name('news');
      await stage.crowd(1, [news]);
      const isAnsweredWell = async (): Promise<boolean> => {
        const { taken, answered } = await unheard(stage, news);
        // The link breaks, and the next one is well.
        stage.node(0).proxy.heal();
        await answered;
        await stage.node(0).ready();
        return taken.some(({ status }) => status === 200);
      };
      await eventually(isAnsweredWell, 'what was taken is answered 200', 20_000);
      await msUntilAccepting(stage, news);
      await stage.settled();
      await stage.emptied();
    },
  );

  fault(
    '8.3 answers 504 to what Redis carried out, and counts it, when Redis cannot be asked',
    shared,
    async (stage) => {
      const news = stage.name('news');
      await stage.crowd(1, [news]);
      const before = await unknownOutcomes(stage);
      const { taken, answered } = await unheard(stage, news);
      await answered;
      expect(taken.length).toBeGreaterThan(0);
      for (const { status } of taken) expect(status).toBe(504);
      expect((await stage.publish(news, stage.node(0))).status).toBe(503);
      expect(await unknownOutcomes(stage)).toBeGreaterThan(before);
      stage.node(0).proxy.heal();
      await msUntilAccepting(stage, news);
      await stage.settled();
      await stage.emptied();
    },
  );

  fault('8.3 a missing marker proves nothing after another process has replaced Redis', {}, async (stage) => {
    const news = stage.name('news');
    await stage.crowd(1, [news]);
    const { taken, answered } = await unheard(stage, news);
    // It begins with nothing: also without a sign of what the one before had done.
    await stage.cluster.redis.kill();
    await stage.cluster.redis.restart();
    stage.node(0).proxy.heal();
    await answered;
    expect(taken.length).toBeGreaterThan(0);
    for (const { status } of taken) expect(status).toBe(504);
    await msUntilAccepting(stage, news);
    await stage.settled({ withinMs: 15_000 });
    await stage.emptied();
  });
});

/** Redis evicts every key that it may evict. */
async function evict(port: number): Promise<void> {
  const admin = new Redis(port);
  await admin.config('SET', 'maxmemory-policy', 'volatile-ttl');
  await admin.config('SET', 'maxmemory', '1');
  await admin.set('wanted', 'memory').catch(() => undefined);
  await admin.config('SET', 'maxmemory', '0');
  expect(await admin.info('stats')).not.toContain('evicted_keys:0');
  admin.disconnect();
}

describe('the answer of Redis is lost, and so is its marker', () => {
  fault(
    '8.3 a missing marker proves nothing on a Redis that evicts keys: never 503 for what was delivered',
    { ...slow },
    async (stage) => {
      const news = stage.name('news');
      await stage.crowd(1, [news]);
      const { taken, answered } = await unheard(stage, news);
      await evict(stage.cluster.redis.port);
      stage.node(0).proxy.heal();
      await answered;
      expect(taken.length).toBeGreaterThan(0);
      for (const { status } of taken) expect(status).toBe(504);
      await msUntilAccepting(stage, news);
      await stage.settled({ withinMs: 15_000 });
      await stage.emptied();
    },
  );
});

describe('terminating the connections of a user', () => {
  fault('8.9 is refused while Redis is frozen, and never carried out later', shared, async (stage) => {
    const news = stage.name('news');
    const [visitor] = await stage.crowd(1, [news]);
    stage.cluster.redis.pause();
    await sleep(50);
    const answer = await stage.node(0).post(`/users/${visitor!.user}/terminate_connections`, {});
    stage.cluster.redis.resume();
    expect(answer.status).toBe(503);
    await msUntilAccepting(stage, news);
    expect(visitor!.closings).toEqual([]);
    await stage.settled();
    await stage.emptied();
  });
});
