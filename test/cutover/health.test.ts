import { describe, expect, test } from 'vitest';
import { Health } from '../../src/cutover/watch/health.ts';
import { DEFAULT_WATCH_LIMITS } from './default-watch-limits.ts';
import { LoopDelay } from '../../src/cutover/watch/loop-delay.ts';
import { percentile, SlidingWindow } from '../../src/cutover/watch/sliding-window.ts';
import { FakeClock } from '../core/fakes.ts';
import { eventually } from '../support/wire.ts';
import { sleep } from '../../src/core/util/time.ts';

const open = (changes: Partial<typeof DEFAULT_WATCH_LIMITS> = {}) => {
  const clock = new FakeClock();
  const health = new Health({ ...DEFAULT_WATCH_LIMITS, ...changes }, clock.read);
  const names = (side: 'wavehall' | 'upstream' = 'wavehall', sinceMs = 0) =>
    health.judge(side, sinceMs).map(({ of }) => of);
  const seconds = (count: number, each: () => void) => {
    for (let at = 0; at < count; at += 1) {
      each();
      clock.pass(1000);
    }
  };
  return { clock, health, names, seconds };
};

describe('the sliding window', () => {
  test('11.14 counts its own events and drops older ones', () => {
    const clock = new FakeClock();
    const window = new SlidingWindow(10_000, clock.read);
    window.record(true, 5);
    clock.pass(6000);
    window.record(false);
    expect(window.summary()).toEqual({ good: 1, bad: 1, p50Ms: 5, p99Ms: 5 });
    clock.pass(6000);
    expect(window.summary()).toEqual({ good: 0, bad: 1, p50Ms: null, p99Ms: null });
    clock.pass(60_000);
    expect(window.summary()).toEqual({ good: 0, bad: 0, p50Ms: null, p99Ms: null });
  });

  test('11.14 counts the events since a given time separately', () => {
    const clock = new FakeClock();
    const window = new SlidingWindow(10_000, clock.read);
    window.record(false);
    clock.pass(2000);
    window.record(true, 7);
    expect(window.summary(clock.nowMs - 1000)).toEqual({ good: 1, bad: 0, p50Ms: 7, p99Ms: 7 });
    expect(window.lastBadMs()).toBe(clock.nowMs - 2000);
    expect(window.lastBadMs(clock.nowMs - 1000)).toBeUndefined();
  });

  test('11.14 keeps a bounded number of measured durations, and counts every event', () => {
    const clock = new FakeClock();
    const window = new SlidingWindow(10_000, clock.read);
    for (let ms = 0; ms < 100_000; ms += 1) window.record(true, ms);
    const { good, p50Ms, p99Ms } = window.summary();
    expect(good).toBe(100_000);
    expect(p50Ms).toBeGreaterThan(25_000);
    expect(p50Ms).toBeLessThan(75_000);
    expect(p99Ms).toBeGreaterThan(90_000);
  });

  test('11.14 keeps counting when the clock is set back', () => {
    const clock = new FakeClock();
    const window = new SlidingWindow(10_000, clock.read);
    window.record(true);
    clock.pass(-3000);
    window.record(true);
    clock.pass(3000);
    expect(window.summary().good).toBe(2);
    clock.pass(-3_600_000);
    window.record(false);
    expect(window.summary().bad).toBe(1);
  });

  test('11.14 a percentile is one of the measured values', () => {
    const hundred = Array.from({ length: 100 }, (_, at) => at + 1);
    expect([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([4], 0.5)]).toEqual([50, 99, 4]);
    expect(percentile([], 0.5)).toBeNull();
  });
});

describe('a breach', () => {
  test('11.14 is a share of failures above its limit, for each measure by itself', () => {
    const { health, names } = open();
    for (let at = 0; at < 9; at += 1) health.connect('wavehall', true, 3);
    health.connect('wavehall', false, 3);
    expect(names()).toEqual([]);
    health.connect('wavehall', false, 3);
    expect(names()).toEqual(['connects']);
    for (let at = 0; at < 5; at += 1) health.subscribe('wavehall', false);
    for (let at = 0; at < 5; at += 1) health.api('wavehall', false);
    for (let at = 0; at < 5; at += 1) health.canary('wavehall', 'wavehall', false, 0);
    expect(names()).toEqual(['connects', 'subscribes', 'api', 'delivery']);
    expect(names('upstream')).toEqual([]);
    expect(health.judge('wavehall')[0]?.text).toBe('18.2 % of the connects failed (limit 10 %)');
  });

  test('11.14 needs the minimum number of events', () => {
    const { health, names } = open();
    for (let at = 0; at < 4; at += 1) health.api('wavehall', false);
    expect(names()).toEqual([]);
    health.api('wavehall', false);
    expect(names()).toEqual(['api']);
  });

  test('11.14 is over when no failure is added any more, although the window still holds the old ones', () => {
    const { clock, health, names } = open();
    for (let at = 0; at < 20; at += 1) health.connect('wavehall', false, 1);
    clock.pass(4000);
    expect(names()).toEqual(['connects']);
    clock.pass(2000);
    expect(names()).toEqual([]);
    expect(health.report().wavehall.connects.bad).toBe(20);
  });

  test('11.14 is judged by the p99 of canary events and of the event loop', () => {
    const { health, names, seconds } = open();
    seconds(6, () => {
      health.canary('wavehall', 'wavehall', true, 1500);
      health.loop(40);
    });
    expect(names()).toEqual(['latency']);
    expect(health.judge('wavehall')[0]?.text).toBe(
      'the p99 delay of the canary events was 1500 ms (limit 1000 ms)',
    );
    seconds(3, () => health.loop(800));
    expect(names()).toEqual(['latency', 'event-loop']);
    expect(health.report().wavehall.loopMs).toBe(800);
  });

  test('11.14 results of clients’ connects are shown and never judged, on either side', () => {
    const { health, names } = open();
    for (let at = 0; at < 100; at += 1)
      for (const side of ['wavehall', 'upstream'] as const) health.client(side, false, 1);
    expect([...names(), ...names('upstream')]).toEqual([]);
    expect(health.report().wavehall.clients).toMatchObject({ good: 0, bad: 100 });
    expect(health.report().wavehall.connects).toMatchObject({ good: 0, bad: 0 });
  });

  test('11.14 1000 answered clients do not change the share of failures that the canary found', () => {
    const { health, names } = open();
    for (let at = 0; at < 5; at += 1) health.connect('wavehall', false, 1);
    for (let at = 0; at < 1000; at += 1) health.client('wavehall', true, 1);
    expect(names()).toEqual(['connects']);
  });

  test('11.14 a fault of this server counts once a second, however many clients meet it', () => {
    const { health, names, seconds } = open();
    for (let at = 0; at < 1000; at += 1) health.fault('connects');
    expect(names()).toEqual([]);
    expect(health.report().wavehall.connects.bad).toBe(1);
    seconds(6, () => {
      health.connect('wavehall', true, 3);
      for (let at = 0; at < 10; at += 1) health.fault('connects');
      health.fault('subscribes');
    });
    expect(names()).toEqual(['connects', 'subscribes']);
  });

  test('11.14 a limit of 0 is switched off', () => {
    const { health, names, seconds } = open({ connectShare: 0, latencyMs: 0, loopMs: 0, lostShare: 0 });
    seconds(10, () => {
      health.connect('wavehall', false, 1);
      health.canary('wavehall', 'wavehall', true, 60_000);
      health.canary('wavehall', 'wavehall', false, 0);
      health.loop(60_000);
    });
    expect(names()).toEqual([]);
  });

  test('11.14 of the upstream never counts against Wavehall', () => {
    const { health, names, seconds } = open();
    seconds(10, () => {
      health.connect('upstream', false, 1);
      health.subscribe('upstream', false);
      health.api('upstream', false);
      health.canary('upstream', 'upstream', false, 0);
      health.canary('wavehall', 'wavehall', true, 5);
    });
    expect(names()).toEqual([]);
    expect(names('upstream')).toEqual(['connects', 'subscribes', 'api', 'delivery']);
  });

  test('11.14 of the bridge counts against Wavehall, and causes a rollback only for events that do not arrive here', () => {
    const { health, seconds } = open();
    seconds(6, () => {
      health.canary('upstream', 'wavehall', false, 0);
      health.canary('wavehall', 'upstream', false, 0);
    });
    expect(health.judge('wavehall').map(({ of, causesRollback }) => [of, causesRollback])).toEqual([
      ['from-upstream', true],
      ['to-upstream', false],
    ]);
    expect(health.judge('upstream')).toEqual([]);
  });

  test('11.14 can be judged by the events since a given time', () => {
    const { clock, health, names } = open();
    for (let at = 0; at < 20; at += 1) health.connect('wavehall', false, 1);
    clock.pass(1000);
    expect(names('wavehall', clock.nowMs)).toEqual([]);
    expect(names('wavehall')).toEqual(['connects']);
  });
});

test('11.14 the report has both sides, and no value where nothing was measured', () => {
  const { health } = open();
  health.connect('upstream', true, 12);
  health.canary('upstream', 'wavehall', true, 30);
  const { wavehall, upstream } = health.report();
  const nothing = { good: 0, bad: 0, p50Ms: null, p99Ms: null };
  expect(wavehall).toMatchObject({ connects: nothing, arrivals: { good: 1, p50Ms: 30 }, loopMs: null });
  expect(upstream).toMatchObject({ connects: { good: 1, p99Ms: 12 }, delivery: nothing, loopMs: null });
});

const block = (ms: number) => {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
};

test('11.14 the delay of the event loop is measured', async () => {
  const loop = new LoopDelay();
  loop.start();
  try {
    await eventually(
      async () => {
        await sleep(50);
        block(200);
        await sleep(50);
        return loop.takeMs(Infinity) >= 150;
      },
      () => 'a delay of 200 ms',
    );
  } finally {
    loop.stop();
  }
});

test('11.14 a late timer of the measurement counts as delay', () => {
  const loop = new LoopDelay();
  loop.start();
  loop.stop();
  block(60);
  expect(loop.takeMs(20)).toBeGreaterThanOrEqual(35);
  expect(loop.takeMs(60_000)).toBe(0);
});
