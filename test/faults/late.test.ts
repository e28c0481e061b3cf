/** Redis carries out a command late, or its answer is lost: the HTTP status must still be correct. */
import { Redis } from 'ioredis';
import { afterAll, describe, expect } from 'vitest';
import type { SentEvent } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { msUntilAccepting, startLoad, waitForAccepted } from './steps.ts';
import { fault, report, SharedCluster, type FaultRun } from './fault-run.ts';
import { sleep } from '../../src/core/util/time.ts';

const shared = new SharedCluster({ env: { WAVEHALL_LEASE_SECONDS: '12' } });
afterAll(() => shared.close());

/** A timeout that leaves time to ask Redis whether it carried out a publish. */
const longTimeout = { env: { WAVEHALL_REDIS_TIMEOUT_MS: '4000' } };

/** Number of publishes with an unknown outcome, by the metrics of all nodes. */
async function unknownOutcomes({ cluster }: FaultRun): Promise<number> {
  const texts = await Promise.all(cluster.up.map((node) => node.metrics()));
  const counts = texts.map((text) => /^wavehall_redis_unknown_outcomes_total (\d+)/m.exec(text)?.[1]);
  return counts.reduce((sum, count) => sum + Number(count), 0);
}

describe('Redis is frozen', () => {
  fault(
    '8.3 F14 answers 503 to events published meanwhile, and never delivers them later',
    shared,
    async (run) => {
      const news = run.name('news');
      await run.connectClients(2, [news]);
      expect((await run.publish(news, run.node(0))).status).toBe(200);
      run.cluster.redis.pause();
      await sleep(50);
      const sent: Promise<{ readonly status: number }>[] = [];
      for (let number = 0; number < 50; number += 1) {
        sent.push(run.publish(news, run.pick(run.cluster.nodes)));
        await sleep(50);
      }
      const statuses = (await Promise.all(sent)).map(({ status }) => status);
      expect(statuses).toEqual(Array(50).fill(503));
      run.cluster.redis.resume();
      await msUntilAccepting(run, news);
      await run.settled();
      await run.emptied();
    },
  );

  fault('8.11 /up answers 503 within 2 s, and 200 when Redis answers again', shared, async (run) => {
    const news = run.name('news');
    await run.connectClients(1, [news]);
    const ups = async (): Promise<number[]> => Promise.all(run.cluster.nodes.map((node) => node.health()));
    run.cluster.redis.pause();
    const frozenMs = performance.now();
    await eventually(async () => (await ups()).every((status) => status === 503), '/up answers 503');
    const afterMs = performance.now() - frozenMs;
    run.cluster.redis.resume();
    await eventually(async () => (await ups()).every((status) => status === 200), '/up answers 200 again');
    report('/up', { 'answers 503 after ms': Math.round(afterMs) });
    expect(afterMs).toBeLessThan(2000);
    await msUntilAccepting(run, news);
    await run.emptied();
  });

  fault(
    '8.3 F14 repeatedly, under load: an event answered 503 reaches no client, one answered 200 reaches all',
    shared,
    async (run) => {
      const before = await unknownOutcomes(run);
      const { news, stop } = await startLoad(run, 2, 2);
      for (let round = 0; round < 12; round += 1) {
        run.cluster.redis.pause();
        await sleep(50 + run.random.next() * 1200);
        run.cluster.redis.resume();
        await sleep(run.random.next() * 300);
      }
      await msUntilAccepting(run, news);
      await stop();
      const { answers, refusals, unknown, longestMs } = run.recorder.answers;
      report('F14 frozen 12 times', {
        ...{ 'answers with 200': answers, 'with 503': refusals, 'with 504': unknown },
        'longest answer ms': Math.round(longestMs),
      });
      expect(refusals).toBeGreaterThan(0);
      expect((await unknownOutcomes(run)) > before).toBe(unknown > 0);
      await run.settled({ withinMs: 15_000 });
      await run.emptied();
    },
  );
});

interface Unanswered {
  /** Events that clients of node 1 have received and that node 0 has not answered yet. */
  readonly delivered: readonly SentEvent[];
  /** Resolves when every publish is answered. */
  readonly answered: Promise<unknown>;
}

/**
 * Loses the answers of Redis to publishes of node 0: publishes without a pause, mutes the link, and starts again if
 * Redis happened to have answered everything before.
 */
async function loseAnswers(run: FaultRun, channel: string): Promise<Unanswered> {
  const node = run.node(0);
  const delivered = (): SentEvent[] => {
    const received = run.recorder.receivedOn(run.node(1), channel);
    return run.recorder.inFlight(channel).filter(({ number }) => received.includes(number));
  };
  for (;;) {
    const isMute = (): boolean => node.proxy.faultOf('commands') === 'repliesLost';
    let wasMuted = false;
    const publishAll = async (): Promise<void> => {
      let status: number;
      do ({ status } = await run.publish(channel, node));
      while (!wasMuted || (status === 200 && isMute()));
    };
    const answered = Promise.all(Array.from({ length: 4 }, publishAll));
    await waitForAccepted(run, channel, 20);
    wasMuted = true;
    node.proxy.setFault('repliesLost', 'commands');
    const found = eventually(() => delivered().length > 0, 'node 1 delivered an unanswered event', 500);
    const isFound = await found.then(
      () => true,
      () => false,
    );
    // Answers that node 0 was about to send when the link was muted are sent before the answer to this request.
    if (isFound) await node.live();
    const unanswered = delivered();
    if (unanswered.length > 0) return { delivered: unanswered, answered };
    node.proxy.heal();
    await answered;
    await node.ready();
  }
}

describe('the answer of Redis is lost', () => {
  fault(
    '8.3 answers 200 to a publish that Redis carried out if it can ask Redis in time',
    longTimeout,
    async (run) => {
      const news = run.name('news');
      await run.connectClients(1, [news]);
      const isAnswered200 = async (): Promise<boolean> => {
        const { delivered, answered } = await loseAnswers(run, news);
        // Replaces the muted link by a working one.
        run.node(0).proxy.heal();
        await answered;
        await run.node(0).ready();
        return delivered.some(({ status }) => status === 200);
      };
      await eventually(isAnswered200, 'a delivered event is answered 200', 20_000);
      await msUntilAccepting(run, news);
      await run.settled();
      await run.emptied();
    },
  );

  fault(
    '8.3 answers 504 to a publish that Redis carried out, and counts it, if it cannot ask Redis',
    shared,
    async (run) => {
      const news = run.name('news');
      await run.connectClients(1, [news]);
      const before = await unknownOutcomes(run);
      const { delivered, answered } = await loseAnswers(run, news);
      await answered;
      expect(delivered.length).toBeGreaterThan(0);
      for (const { status } of delivered) expect(status).toBe(504);
      expect((await run.publish(news, run.node(0))).status).toBe(503);
      expect(await unknownOutcomes(run)).toBeGreaterThan(before);
      run.node(0).proxy.heal();
      await msUntilAccepting(run, news);
      await run.settled();
      await run.emptied();
    },
  );

  fault(
    '8.3 answers 504, not 503, to a publish without a marker after Redis was restarted empty',
    {},
    async (run) => {
      const news = run.name('news');
      await run.connectClients(1, [news]);
      const { delivered, answered } = await loseAnswers(run, news);
      // It starts empty: also without the markers of the publishes that the old process carried out.
      await run.cluster.redis.kill();
      await run.cluster.redis.restart();
      run.node(0).proxy.heal();
      await answered;
      expect(delivered.length).toBeGreaterThan(0);
      for (const { status } of delivered) expect(status).toBe(504);
      await msUntilAccepting(run, news);
      await run.settled({ withinMs: 15_000 });
      await run.emptied();
    },
  );
});

/** Makes Redis evict every key that it may evict. */
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
    '8.3 answers 504, not 503, to a publish without a marker on a Redis that evicts keys',
    { ...longTimeout },
    async (run) => {
      const news = run.name('news');
      await run.connectClients(1, [news]);
      const { delivered, answered } = await loseAnswers(run, news);
      await evict(run.cluster.redis.port);
      run.node(0).proxy.heal();
      await answered;
      expect(delivered.length).toBeGreaterThan(0);
      for (const { status } of delivered) expect(status).toBe(504);
      await msUntilAccepting(run, news);
      await run.settled({ withinMs: 15_000 });
      await run.emptied();
    },
  );
});

describe('terminating the connections of a user', () => {
  fault('8.9 answers 503 while Redis is frozen, and never carries it out later', shared, async (run) => {
    const news = run.name('news');
    const [client] = await run.connectClients(1, [news]);
    run.cluster.redis.pause();
    await sleep(50);
    const answer = await run.node(0).post(`/users/${client!.user}/terminate_connections`, {});
    run.cluster.redis.resume();
    expect(answer.status).toBe(503);
    await msUntilAccepting(run, news);
    expect(client!.closings).toEqual([]);
    await run.settled();
    await run.emptied();
  });
});
