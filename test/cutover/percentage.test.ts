import { describe, expect, test } from 'vitest';
import type { SharedState } from '../../src/core/ports/cluster.ts';
import { Unavailable } from '../../src/core/ports/failures.ts';
import { SharedPercentage } from '../../src/cutover/split/percentage.ts';
import { FakeClock, FakeLogger } from '../core/fakes.ts';

/** State that nodes share, and the fault that it is out of reach. */
class FakeShared implements SharedState {
  readonly values = new Map<string, unknown>();
  isAway = false;

  read(name: string): Promise<unknown> {
    return this.isAway ? Promise.reject(new Unavailable('away')) : Promise.resolve(this.values.get(name));
  }

  write(name: string, value: object): Promise<void> {
    if (this.isAway) return Promise.reject(new Unavailable('away'));
    this.values.set(name, structuredClone(value));
    return Promise.resolve();
  }
}

const logger = new FakeLogger();
const clock = new FakeClock();

function node(shared: SharedState, first = 0) {
  const percentage = new SharedPercentage({ shared, clock: () => clock.nowMs++, logger, first });
  const heard: [number, boolean][] = [];
  percentage.onChange((...change) => heard.push(change));
  return { percentage, heard };
}

describe('one node', () => {
  test('11.4 begins with the configured share, and keeps what was set over a restart', async () => {
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

  test('11.4 tells every change, also one that only moves sockets', async () => {
    const { percentage, heard } = node(new FakeShared());
    await percentage.set(5, 'a');
    await percentage.set(5, 'a', true);
    await percentage.markGood(5);
    await percentage.tick();
    expect(heard).toEqual([
      [5, false],
      [5, true],
    ]);
  });

  test.each([-1, 100.01, 101, 1.234, Number.NaN, Infinity])('11.17 %d is no percentage', (bad) => {
    const { percentage, heard } = node(new FakeShared());
    expect(() => percentage.set(bad, 'a')).toThrow(`percent ${bad}: expected a number from 0 to 100`);
    expect([percentage.percent, heard]).toEqual([0, []]);
  });

  test.each([null, 'x', 7, { percent: 200, number: 1 }, { percent: 5 }, { percent: '5', number: 1 }, []])(
    '11.4 %j in the place of what is shared changes nothing',
    async (value) => {
      const shared = new FakeShared();
      shared.values.set('cutover', value);
      const { percentage, heard } = node(shared, 3);
      await percentage.tick();
      expect([percentage.percent, heard]).toEqual([3, []]);
    },
  );
});

describe('several nodes', () => {
  test('11.4 hear what one of them was told, with the wish to move', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await a.percentage.set(25, 'ada', true);
    await b.percentage.tick();
    await b.percentage.tick();
    expect(b.heard).toEqual([[25, true]]);
    await b.percentage.set(0, 'ben');
    await a.percentage.tick();
    expect(a.percentage.state).toMatchObject({ percent: 0, changedBy: 'ben' });
  });

  test('11.4 agree after two were told something else at once', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await Promise.all([a.percentage.set(25, 'ada'), b.percentage.set(50, 'ben')]);
    await Promise.all([a.percentage.tick(), b.percentage.tick()]);
    expect(a.percentage.state).toEqual(b.percentage.state);
  });

  test('11.4 finding a percentage good never undoes a change that was not heard of yet', async () => {
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

describe('while what is shared is away', () => {
  test('11.4 a change counts here at once and is shared later', async () => {
    const shared = new FakeShared();
    const [a, b] = [node(shared), node(shared)];
    await a.percentage.set(50, 'ada');
    shared.isAway = true;
    await a.percentage.set(0, 'a rollback');
    expect([a.percentage.percent, a.percentage.isShared]).toEqual([0, false]);
    expect(logger.warnings.at(-1)?.what).toContain('WAVEHALL_CUTOVER_STATE_FILE');
    shared.isAway = false;
    await a.percentage.tick();
    await b.percentage.tick();
    expect([b.percentage.percent, a.percentage.isShared]).toEqual([0, true]);
  });

  test('11.4 what was lost there is said again', async () => {
    const shared = new FakeShared();
    const { percentage } = node(shared);
    await percentage.set(50, 'ada');
    shared.values.clear();
    await percentage.tick();
    await percentage.tick();
    expect(shared.values.get('cutover')).toMatchObject({ percent: 50 });
  });

  test('11.4 an older state that comes back does not count', async () => {
    const shared = new FakeShared();
    const { percentage, heard } = node(shared);
    await percentage.set(5, 'ada');
    const old = shared.values.get('cutover') as object;
    await percentage.set(50, 'ada');
    await shared.write('cutover', old);
    await percentage.tick();
    await percentage.tick();
    expect([percentage.percent, heard.length]).toEqual([50, 2]);
    expect(shared.values.get('cutover')).toMatchObject({ percent: 50 });
  });
});
