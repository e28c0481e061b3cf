import { describe, expect, test } from 'vitest';
import type { SharedState } from '../../src/core/ports/stores.ts';
import { Unavailable } from '../../src/core/ports/failures.ts';
import { SharedPercentage } from '../../src/cutover/split/percentage.ts';
import { FakeClock, FakeLogger } from '../core/fakes.ts';

/** State that nodes share, which a test can make unreachable. */
class FakeShared implements SharedState {
  readonly values = new Map<string, unknown>();
  isUnreachable = false;

  read(name: string): Promise<unknown> {
    return this.isUnreachable
      ? Promise.reject(new Unavailable('unreachable'))
      : Promise.resolve(this.values.get(name));
  }

  write(name: string, value: object): Promise<void> {
    if (this.isUnreachable) return Promise.reject(new Unavailable('unreachable'));
    this.values.set(name, structuredClone(value));
    return Promise.resolve();
  }
}

const logger = new FakeLogger();
const clock = new FakeClock();

function node(shared: SharedState, first = 0) {
  const percentage = new SharedPercentage({ shared, clock: () => clock.nowMs++, logger, first });
  const changes: [number, boolean][] = [];
  percentage.onChange((...change) => changes.push(change));
  return { percentage, changes };
}

describe('one node', () => {
  test('11.4 begins with the configured share, and keeps a set share over a restart', async () => {
    const shared = new FakeShared();
    const first = node(shared, 1);
    await first.percentage.tick();
    expect(first.percentage.state).toMatchObject({ percent: 1, lastGood: 0 });
    expect(shared.values.size).toBe(0);
    await first.percentage.set(12.34, 'ada');
    await first.percentage.markGood(5);

    const next = node(shared, 1);
    await next.percentage.tick();
    expect(next.percentage.state).toMatchObject({ percent: 12.34, lastGood: 5, changedBy: 'ada' });
  });

  test('11.4 reports every change, also one that only moves sockets', async () => {
    const { percentage, changes } = node(new FakeShared());
    await percentage.set(5, 'a');
    await percentage.set(5, 'a', true);
    await percentage.markGood(5);
    await percentage.tick();
    expect(changes).toEqual([
      [5, false],
      [5, true],
    ]);
  });

  test.each([-1, 100.01, 101, 1.234, Number.NaN, Infinity])('11.17 %d is no percentage', (bad) => {
    const { percentage, changes } = node(new FakeShared());
    expect(() => percentage.set(bad, 'a')).toThrow(`percent ${bad}: expected a number from 0 to 100`);
    expect([percentage.percent, changes]).toEqual([0, []]);
  });

  test.each([null, 'x', 7, { percent: 200, number: 1 }, { percent: 5 }, { percent: '5', number: 1 }, []])(
    '11.4 %j in place of the shared state changes nothing',
    async (value) => {
      const shared = new FakeShared();
      shared.values.set('cutover', value);
      const { percentage, changes } = node(shared, 3);
      await percentage.tick();
      expect([percentage.percent, changes]).toEqual([3, []]);
    },
  );
});

describe('several nodes', () => {
  test('11.4 apply a change that was set on one of them, and its move', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await a.percentage.set(25, 'ada', true);
    await b.percentage.tick();
    await b.percentage.tick();
    expect(b.changes).toEqual([[25, true]]);
    await b.percentage.set(0, 'ben');
    await a.percentage.tick();
    expect(a.percentage.state).toMatchObject({ percent: 0, changedBy: 'ben' });
  });

  test('11.4 agree after different shares were set on two of them at once', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await Promise.all([a.percentage.set(25, 'ada'), b.percentage.set(50, 'ben')]);
    await Promise.all([a.percentage.tick(), b.percentage.tick()]);
    expect(a.percentage.state).toEqual(b.percentage.state);
  });

  test('11.4 marking a percentage as good never undoes a change that is not read yet', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await a.percentage.set(25, 'ada');
    await b.percentage.tick();
    await a.percentage.set(0, 'ada');
    await b.percentage.markGood(25);
    await Promise.all([a.percentage.tick(), b.percentage.tick()]);
    for (const { percentage } of [a, b]) {
      expect(percentage.state).toMatchObject({ percent: 0, lastGood: 25 });
    }
  });
});

describe('while the shared state is unreachable', () => {
  test('11.4 a change applies to this node at once and is shared later', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await a.percentage.set(50, 'ada');
    shared.isUnreachable = true;
    await a.percentage.set(0, 'a rollback');
    expect([a.percentage.percent, a.percentage.isShared]).toEqual([0, false]);
    expect(logger.warnings.at(-1)?.message).toContain('WAVEHALL_CUTOVER_STATE_FILE');
    shared.isUnreachable = false;
    await a.percentage.tick();
    await b.percentage.tick();
    expect([b.percentage.percent, a.percentage.isShared]).toEqual([0, true]);
  });

  test('11.4 a shared state that was lost is written again', async () => {
    const shared = new FakeShared();
    const { percentage } = node(shared);
    await percentage.set(50, 'ada');
    shared.values.clear();
    await percentage.tick();
    await percentage.tick();
    expect(shared.values.get('cutover')).toMatchObject({ percent: 50 });
  });

  test('11.4 an older state that reappears is ignored', async () => {
    const shared = new FakeShared();
    const { percentage, changes } = node(shared);
    await percentage.set(5, 'ada');
    const old = shared.values.get('cutover') as object;
    await percentage.set(50, 'ada');
    await shared.write('cutover', old);
    await percentage.tick();
    await percentage.tick();
    expect([percentage.percent, changes.length]).toEqual([50, 2]);
    expect(shared.values.get('cutover')).toMatchObject({ percent: 50 });
  });
});
