import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Lease } from '../../src/core/ports.ts';
import { type Capabilities, eventually, HOSTILE, type Open, type Subject } from './subject.ts';

/** What every lease does. */
export function leaseContract(open: Open, { severalNodes }: Capabilities): void {
  let subject: Subject;
  let lease: Lease;
  beforeEach(async () => {
    subject = await open();
    ({ lease } = await subject.node());
  });
  afterEach(() => subject.close());

  const admit = async (times: number, limit: number, app = 'app', at = lease): Promise<boolean[]> => {
    const answers: boolean[] = [];
    for (let round = 0; round < times; round += 1) answers.push(await at.admit(app, limit));
    return answers;
  };

  test('2.7 n connections are admitted, n + 1 are not', async () => {
    expect(await admit(4, 3)).toEqual([true, true, true, false]);
    expect(await lease.connections('app')).toBe(3);
  });

  test('2.7 one that was dismissed makes room for one', async () => {
    await admit(3, 3);
    lease.dismiss('app');
    await eventually(async () => (await lease.connections('app')) === 2, 'the dismissal');
    expect(await admit(2, 3)).toEqual([true, false]);
  });

  test('2.7 one that was refused is not counted', async () => {
    await admit(10, 2);
    expect(await lease.connections('app')).toBe(2);
  });

  test('2.7 no limit is none, and is counted all the same', async () => {
    expect(await admit(500, 0)).not.toContain(false);
    expect(await lease.connections('app')).toBe(500);
    expect(await admit(1, 500)).toEqual([false]);
  });

  test('2.7 those who come in the same moment are counted one by one', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => lease.admit('app', 20)));
    expect(answers.filter(Boolean)).toHaveLength(20);
  });

  test('2.7 each app has its own, whatever it is called', async () => {
    for (const app of HOSTILE) expect(await admit(2, 1, app)).toEqual([true, false]);
    for (const app of HOSTILE) expect(await lease.connections(app)).toBe(1);
  });

  test('8.10 an app of which nobody came has none', async () => {
    expect(await lease.connections('nobody')).toBe(0);
  });

  test('2.7 dismissing nobody does not make room', async () => {
    lease.dismiss('app');
    lease.dismiss('app');
    expect(await admit(2, 1)).toEqual([true, false]);
    expect(await lease.connections('app')).toBe(1);
  });

  if (severalNodes)
    test('2.7 the quota is that of the cluster', async () => {
      const other = (await subject.node()).lease;
      expect(await admit(2, 3)).toEqual([true, true]);
      expect(await admit(2, 3, 'app', other)).toEqual([true, false]);
      expect(await lease.connections('app')).toBe(3);
      other.dismiss('app');
      await eventually(async () => (await lease.connections('app')) === 2, 'the dismissal');
      expect(await admit(1, 3)).toEqual([true]);
    });
}
