import { describe, expect, test } from 'vitest';
import { Health } from '../../src/cutover/watch/health.ts';
import { DEFAULT_WATCH_LIMITS } from './default-watch-limits.ts';
import { Rollback, type RollbackNote } from '../../src/cutover/watch/rollback.ts';
import { FakeClock, FakeLogger, deferred } from '../core/fakes.ts';

class FakePercentage {
  percent: number;
  lastGood: number;
  readonly sets: { readonly percent: number; readonly by: string; readonly move: boolean | undefined }[] = [];
  /** Delays each write. */
  blocked: Promise<void> = Promise.resolve();

  constructor(percent: number, lastGood: number) {
    this.percent = percent;
    this.lastGood = lastGood;
  }

  async set(percent: number, by: string, move?: boolean): Promise<void> {
    this.sets.push({ percent, by, move });
    await this.blocked;
    this.percent = percent;
  }

  markGood(percent: number): Promise<void> {
    this.lastGood = percent;
    return Promise.resolve();
  }
}

interface Start {
  readonly percent?: number;
  readonly lastGood?: number;
  readonly limits?: Partial<typeof DEFAULT_WATCH_LIMITS>;
}

/** A rollback with a fake clock; `seconds` calls `each` once a second. */
function open({ percent = 50, lastGood = 0, limits: changes = {} }: Start = {}) {
  const limits = { ...DEFAULT_WATCH_LIMITS, ...changes };
  const clock = new FakeClock();
  const logger = new FakeLogger();
  const health = new Health(limits, clock.read);
  const percentage = new FakePercentage(percent, lastGood);
  const notes: RollbackNote[] = [];
  const notify = (note: RollbackNote) => void notes.push(note);
  /** Reason why the upstream cannot be connected. */
  const upstream: { problem: string | undefined } = { problem: undefined };
  const whyUpstreamIsAway = () => Promise.resolve(upstream.problem);
  const rollback = new Rollback({
    ...{ health, percentage, logger, notify, whyUpstreamIsAway, clock: clock.read, limits },
  });
  const seconds = async (count: number, each: () => void = () => undefined) => {
    for (let at = 0; at < count; at += 1) {
      each();
      clock.pass(1000);
      await rollback.tick();
    }
  };
  const bad = () => {
    for (let at = 0; at < 10; at += 1) health.canary('wavehall', 'wavehall', false, 0);
  };
  const good = () => {
    for (let at = 0; at < 10; at += 1) health.canary('wavehall', 'wavehall', true, 5);
  };
  return { clock, logger, health, percentage, notes, rollback, seconds, bad, good, upstream };
}

describe('the rollback', () => {
  test('11.15 a lasting breach sets the percentage to 0 when no percentage was good, and moves the sockets', async () => {
    const { percentage, seconds, bad } = open({ percent: 25 });
    await seconds(10, bad);
    expect(percentage.sets).toEqual([]);
    await seconds(1, bad);
    expect(percentage.sets).toEqual([
      {
        percent: 0,
        by: 'automatic rollback: 100 % of the canary events were lost (limit 10 %)',
        move: true,
      },
    ]);
  });

  test('11.15 it sets the last good percentage when that is lower', async () => {
    const { percentage, seconds, bad } = open({ percent: 50, lastGood: 25 });
    await seconds(11, bad);
    expect(percentage.percent).toBe(25);
    expect(percentage.lastGood).toBe(25);
  });

  test('11.15 it sets 0 when the last good percentage is in breach itself or is higher', async () => {
    for (const lastGood of [50, 80]) {
      const { percentage, seconds, bad } = open({ percent: 50, lastGood });
      await seconds(11, bad);
      expect([percentage.percent, percentage.lastGood]).toEqual([0, 0]);
    }
  });

  test('11.15 a breach shorter than the set time changes nothing', async () => {
    const { percentage, seconds, bad, good, rollback } = open();
    for (let time = 0; time < 5; time += 1) {
      await seconds(4, bad);
      expect(rollback.status().breachSinceMs).not.toBeNull();
      await seconds(30, good);
      expect(rollback.status().breachSinceMs).toBeNull();
    }
    expect(percentage.sets).toEqual([]);
  });

  test('11.15 one breach causes one rollback: it does not count at the lower percentage', async () => {
    const { percentage, seconds, bad, good, notes } = open({ percent: 50, lastGood: 25 });
    await seconds(11, bad);
    await seconds(120, good);
    expect(percentage.sets).toHaveLength(1);
    expect(percentage.percent).toBe(25);
    expect(notes).toHaveLength(1);
  });

  test('11.15 a breach that goes on at the last good percentage causes a rollback to 0, the last one', async () => {
    const { percentage, seconds, bad, rollback } = open({ percent: 50, lastGood: 25 });
    await seconds(300, bad);
    expect(percentage.sets.map(({ percent }) => percent)).toEqual([25, 0]);
    expect(rollback.status().counts).toEqual({ toLastGood: 1, toZero: 1, blocked: 0, failed: 0 });
    expect(percentage.lastGood).toBe(0);
  });

  test('11.15 at 0 percent there is no rollback, and a rise is judged by the events after it', async () => {
    const { percentage, seconds, bad, good } = open({ percent: 0 });
    await seconds(60, bad);
    expect(percentage.sets).toEqual([]);
    percentage.percent = 5;
    await seconds(61, good);
    expect(percentage.sets).toEqual([]);
    percentage.percent = 10;
    await seconds(10, bad);
    expect(percentage.sets).toEqual([]);
    await seconds(2, bad);
    expect(percentage.sets.map(({ percent }) => percent)).toEqual([5]);
  });

  test('11.15 faults of the upstream cause no rollback', async () => {
    const { percentage, seconds, good, health } = open();
    await seconds(60, () => {
      good();
      health.connect('upstream', false, 1);
      health.canary('upstream', 'upstream', false, 0);
      health.api('upstream', false);
    });
    expect(percentage.sets).toEqual([]);
  });

  test('11.15 is blocked while the upstream cannot be connected, and follows as soon as it can', async () => {
    const { percentage, seconds, bad, upstream, logger, rollback } = open();
    upstream.problem = 'ECONNREFUSED';
    await seconds(30, bad);
    expect(percentage.sets).toEqual([]);
    expect(rollback.status()).toMatchObject({ isBlocked: true, counts: { blocked: 1 } });
    expect(logger.warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^Rollback blocked: Wavehall exceeds a limit \(.*\) and the upstream cannot be reached \(ECONNREFUSED\), so the percentage stays at 50 %/,
      ),
    ]);
    upstream.problem = undefined;
    await seconds(1, bad);
    expect(percentage.sets).toHaveLength(1);
    expect(rollback.status().isBlocked).toBe(false);
  });

  test('11.15 checks with a connect of its own that the upstream can be connected', async () => {
    const { percentage, seconds, bad, health } = open();
    await seconds(11, () => {
      bad();
      for (let at = 0; at < 100; at += 1) {
        health.client('upstream', false, 1);
        health.connect('upstream', false, 1);
        health.subscribe('upstream', false);
        health.api('upstream', false);
      }
    });
    expect(percentage.percent).toBe(0);
  });

  test('11.15 slow canary events and a late event loop, which any client can cause, are logged and move no browser', async () => {
    const { percentage, seconds, health, logger } = open();
    await seconds(60, () => {
      health.canary('wavehall', 'wavehall', true, 2000);
      health.loop(2000);
    });
    expect(percentage.sets).toEqual([]);
    expect(logger.warnings.map(({ message }) => message)).toEqual([
      'Cutover: the p99 delay of the canary events was 2000 ms (limit 1000 ms); clients can cause this by load, so the percentage stays: check the load of this server',
      'Cutover: the p99 event loop delay was 2000 ms (limit 500 ms); clients can cause this by load, so the percentage stays: check the load of this server',
    ]);
  });

  test('11.15 a percentage that is set during the check of the upstream is not overwritten', async () => {
    const { percentage, seconds, bad, rollback, clock, upstream } = open();
    await seconds(10, bad);
    const check = deferred();
    Object.defineProperty(upstream, 'problem', { get: () => check.promise });
    bad();
    clock.pass(1000);
    const ticking = rollback.tick();
    percentage.percent = 75;
    check.release();
    await ticking;
    expect(percentage.sets).toEqual([]);
  });

  test('11.15 events that do not cross to the upstream are logged, and move no browser', async () => {
    const { percentage, seconds, health, logger } = open();
    const lost = () => {
      for (let at = 0; at < 5; at += 1) health.canary('wavehall', 'upstream', false, 0);
    };
    await seconds(60, lost);
    expect(percentage.sets).toEqual([]);
    const warning =
      'Cutover: 100 % of the canary events from here did not arrive at the upstream (limit 10 %); a rollback would not help';
    expect(logger.warnings.map(({ message }) => message)).toEqual([warning]);
    await seconds(60);
    await seconds(60, lost);
    expect(logger.warnings.map(({ message }) => message)).toEqual([warning, warning]);
  });

  test('11.15 a breach time of 0 switches it off', async () => {
    const { percentage, seconds, bad } = open({ limits: { breachMs: 0 } });
    await seconds(60, bad);
    expect(percentage.sets).toEqual([]);
  });

  test('11.15 it is reported in one log line, in the notification and in the counts', async () => {
    const { seconds, bad, logger, notes, rollback, clock } = open({ percent: 50, lastGood: 25 });
    await seconds(11, bad);
    expect(logger.warnings).toEqual([
      {
        message:
          'Automatic rollback of the cutover percentage from 50 % to 25 %: 100 % of the canary events were lost (limit 10 %). Open connections are moved. Look for the cause before you raise it again: wavehall cutover',
        details: { from: 50, to: 25, breachSeconds: 10, reasons: 'delivery' },
      },
    ]);
    const note = {
      atMs: clock.nowMs,
      fromPercent: 50,
      toPercent: 25,
      breachMs: 10_000,
      reasons: [{ of: 'delivery', text: '100 % of the canary events were lost (limit 10 %)' }],
    };
    expect(notes).toEqual([note]);
    expect(rollback.status()).toMatchObject({ last: note, counts: { toLastGood: 1, toZero: 0 } });
  });

  test('11.15 starts no second rollback while the first is being written', async () => {
    const { percentage, seconds, bad, rollback, clock } = open();
    const writing = deferred();
    percentage.blocked = writing.promise;
    await seconds(10, bad);
    clock.pass(1000);
    bad();
    const first = rollback.tick();
    for (let at = 0; at < 20; at += 1) {
      bad();
      clock.pass(1000);
      await rollback.tick();
    }
    writing.release();
    await first;
    expect(percentage.sets).toHaveLength(1);
  });

  test('11.15 a percentage that cannot be written is logged and tried again', async () => {
    const { percentage, seconds, bad, logger, rollback } = open();
    percentage.blocked = Promise.reject(new Error('the disk is full'));
    await seconds(12, bad);
    expect(logger.warnings.map(({ message }) => message)).toEqual([
      'The check for an automatic rollback failed and is repeated; meanwhile there is no automatic rollback. To roll back by hand: wavehall cutover rollback',
    ]);
    percentage.blocked = Promise.resolve();
    await seconds(5, bad);
    expect(percentage.sets).toHaveLength(2);
    expect(percentage.percent).toBe(0);
    expect(rollback.status().counts).toMatchObject({ failed: 1, toZero: 1 });
  });
});

describe('the last good percentage', () => {
  test('11.15 is the current one after the set time without a breach', async () => {
    const { percentage, seconds, good } = open({ percent: 25, lastGood: 5 });
    await seconds(59, good);
    expect(percentage.lastGood).toBe(5);
    await seconds(1, good);
    expect(percentage.lastGood).toBe(25);
  });

  test('11.15 any breach restarts the time, also one without a rollback', async () => {
    const { percentage, seconds, good, health } = open({ percent: 25 });
    await seconds(50, good);
    await seconds(1, () => {
      for (let at = 0; at < 5; at += 1) health.canary('wavehall', 'upstream', false, 0);
    });
    await seconds(50, good);
    expect(percentage.lastGood).toBe(0);
    await seconds(15, good);
    expect(percentage.lastGood).toBe(25);
  });

  test('11.15 a change of the percentage restarts the time', async () => {
    const { percentage, seconds, good } = open({ percent: 25 });
    await seconds(50, good);
    percentage.percent = 50;
    await seconds(50, good);
    expect(percentage.lastGood).toBe(0);
    await seconds(11, good);
    expect(percentage.lastGood).toBe(50);
  });

  test('11.15 is never 0 percent', async () => {
    const { percentage, seconds, good } = open({ percent: 0, lastGood: 25 });
    await seconds(120, good);
    expect(percentage.lastGood).toBe(25);
  });
});
