import { describe, expect, test } from 'vitest';
import { type NoTurnError, Turns } from '../../src/auth/gateway/turns.ts';
import { setImmediate as turn } from 'node:timers/promises';

const LIMITS = { atOnce: 2, waiting: 6, waitingPerAddress: 3 };

/** Turns whose tasks end when they are told to. */
function start(limits = LIMITS, mayStart = (): boolean => true) {
  const turns = new Turns(limits, mayStart);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, address = name, waitMs = 60_000): Promise<string> =>
    turns.run(address, waitMs, () => {
      started.push(name);
      return new Promise((resolve) => ends.set(name, () => resolve(name)));
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await turn();
  };
  return { turns, started, run, end };
}

const reasonOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'ran',
    (error: unknown) => (error as NoTurnError).reason,
  );

describe('turns', () => {
  test('14.7 so many run at once, and the others in their order', async () => {
    const { started, run, end, turns } = start();
    const all = ['a', 'b', 'c', 'd'].map((name) => run(name, 'one'));
    expect(started).toEqual(['a', 'b']);
    expect([turns.running, turns.waiting]).toEqual([2, 2]);
    await end('b');
    expect(started).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c', 'd']) await end(name);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
    expect([turns.running, turns.waiting]).toEqual([0, 0]);
  });

  test('14.7 the addresses are served one after another', async () => {
    const { started, run, end } = start();
    for (const name of ['x', 'y']) void run(name);
    for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void run(name, name[0]);
    for (const name of ['x', 'y', 'a1', 'b1', 'c1', 'a2']) await end(name);
    expect(started.slice(2)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3']);
  });

  test('14.8 as many wait as may, in all and of one address; one more is refused', async () => {
    const { run } = start();
    for (const name of ['x', 'y', 'a1', 'a2', 'a3']) void run(name, name[0]);
    expect(await reasonOf(run('a4', 'a'))).toBe('too_many_waiting');
    for (const name of ['b1', 'b2', 'b3']) void run(name, 'b');
    expect(await reasonOf(run('c1', 'c'))).toBe('too_many_waiting');
    const unlimited = start({ ...LIMITS, waitingPerAddress: 0 });
    for (const name of ['x', 'y', 'a1', 'a2', 'a3', 'a4']) void unlimited.run(name, 'a');
    expect(unlimited.turns.waiting).toBe(4);
  });

  test('14.7 what has waited too long is refused, and takes no turn', async () => {
    const { run, started, turns, end } = start();
    for (const name of ['x', 'y']) void run(name);
    expect(await reasonOf(run('late', 'a', 1))).toBe('waited_too_long');
    expect(turns.waiting).toBe(0);
    void run('next', 'a');
    await end('x');
    expect(started).toEqual(['x', 'y', 'next']);
  });

  test('14.7 none starts while none may', () => {
    let may = false;
    const { run, started, turns } = start(LIMITS, () => may);
    void run('a');
    expect(started).toEqual([]);
    may = true;
    turns.next();
    expect(started).toEqual(['a']);
  });

  test('14.7 a task that fails gives its turn back', async () => {
    const turns = new Turns({ ...LIMITS, atOnce: 1 }, () => true);
    await expect(turns.run('a', 1000, () => Promise.reject(new Error('a fault')))).rejects.toThrow('a fault');
    expect(await turns.run('a', 1000, () => Promise.resolve('ran'))).toBe('ran');
  });
});
