/** Checks that the figures of several nodes can be measured and that no event is lost. The values themselves need a quiet machine. */
import { expect, test } from 'vitest';
import { crossing } from './crossing.ts';
import { memory } from './memory.ts';
import { nodeKilled } from './node-killed.ts';
import { redisKilled } from './redis-killed.ts';
import type { Figure } from './bench-cluster.ts';

/** Expects figures that must be 0 to be 0, and every figure to be measured. */
function expectMeasured(figures: readonly Figure[]): void {
  expect(figures.filter(({ value }) => value === undefined || !Number.isFinite(value))).toEqual([]);
  expect(figures.filter(({ goal, value }) => goal === '0' && value !== 0)).toEqual([]);
}

test('4.4 measures a killed node: its clients reconnect, each removal of a member is sent once', async () => {
  const figures = await nodeKilled({ sockets: 30, leaseSeconds: 2 });
  expectMeasured(figures);
  expect(figures).toHaveLength(8);
}, 60_000);

test('3.13 measures a killed Redis: no accepted event is lost, no member change is sent', async () => {
  const figures = await redisKilled({ channels: 60, perSecond: 100, outageSeconds: 0.5, keepsData: false });
  expectMeasured(figures);
  const refused = figures.find(({ name }) => name.endsWith('answered 503'));
  expect(refused?.value).toBeGreaterThan(0);
}, 60_000);

test('3.13 measures messages between nodes: each arrives, for every kind of publish', async () => {
  const figures = await crossing({ rounds: 1, seconds: 0.05 });
  expectMeasured(figures);
  expect(figures.every(({ value = 0 }) => value > 0)).toBe(true);
}, 60_000);

test('3.10 measures the memory of Redis for every kind of object', async () => {
  const figures = await memory({ channels: 100 });
  expectMeasured(figures);
  expect(figures.every(({ value = 0 }) => value > 0)).toBe(true);
}, 60_000);
