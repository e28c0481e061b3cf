import { expect, test } from 'vitest';
import { AwayBudget } from '../../../src/core/resume/away-budget.ts';
import { openCore, settled } from '../fakes.ts';

const kept = (address: string, bytes = 100, untilMs = 1000) => ({ address, bytes, untilMs });

test('13.8 keeps up to the bytes, and no tab beyond them', () => {
  const budget = new AwayBudget({ bytes: 300, tabsPerAddress: 0 });
  expect(['a', 'b', 'c', 'd'].map((key) => budget.take(key, kept('1.1.1.1')))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect([budget.tabs, budget.bytes]).toEqual([3, 300]);
  budget.release('b');
  expect(budget.take('d', kept('1.1.1.1', 101))).toBe(false);
  expect(budget.take('d', kept('1.1.1.1', 100))).toBe(true);
});

test('13.8 keeps so many tabs of one address, and those of others all the same', () => {
  const budget = new AwayBudget({ bytes: 0, tabsPerAddress: 2 });
  expect(['a', 'b', 'c'].map((key) => budget.take(key, kept('1.1.1.1')))).toEqual([true, true, false]);
  expect(budget.take('d', kept('2.2.2.2'))).toBe(true);
  expect(budget.take('b', kept('1.1.1.1'))).toBe(true);
  budget.release('a');
  expect(budget.take('c', kept('1.1.1.1'))).toBe(true);
});

test('13.8 frees what is no longer kept', () => {
  const budget = new AwayBudget({ bytes: 200, tabsPerAddress: 2 });
  budget.take('a', kept('1.1.1.1', 100, 1000));
  budget.take('b', kept('1.1.1.1', 100, 2000));
  budget.expire(1000);
  expect([budget.tabs, budget.bytes]).toEqual([1, 100]);
  budget.expire(2000);
  expect([budget.tabs, budget.bytes]).toEqual([0, 0]);
  expect(budget.take('c', kept('1.1.1.1'))).toBe(true);
});

test('13.8 each socket of one tab counts', async () => {
  const site = openCore({ tabs: { tabsPerAddress: 2 } });
  const clients = [];
  for (let at = 0; at < 3; at += 1) {
    const client = await site.connect({ tab: 'a'.repeat(16) });
    client.subscribe('orders');
    await settled();
    clients.push(client);
  }
  for (const client of clients) client.close(1006);
  await settled();
  expect([site.tabs.away, site.tabs.dropped]).toEqual([2, 1]);
});

test.each([
  ['WAVEHALL_RESUME_TABS_PER_ADDRESS', { tabsPerAddress: 2 }],
  ['WAVEHALL_RESUME_MAX_BYTES', { bytes: 2 * (200 + 80 + 'orders'.length) }],
])('13.8 with %s the third tab that leaves is dropped and counted', async (_name, tabs) => {
  const site = openCore({ tabs });
  for (const id of ['a', 'b', 'c']) {
    const client = await site.connect({ tab: id.repeat(16) });
    client.subscribe('orders');
    await settled();
    client.close(1006);
    await settled();
  }
  expect([site.tabs.away, site.tabs.dropped]).toEqual([2, 1]);
});
