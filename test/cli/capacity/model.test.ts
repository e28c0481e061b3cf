import { expect, test } from 'vitest';
import { BENCHMARK } from '../../../src/cli/capacity/benchmark.ts';
import {
  costsOf,
  eventsOverRedis,
  eventsPerSecond,
  type Machine,
  type Measured,
  nodesFor,
  processesOn,
  reconnectSeconds,
  socketLimits,
} from '../../../src/cli/capacity/model.ts';
import { textOf } from '../../docs/page.ts';

/** A machine as fast as the one of the benchmark. */
const MEASURED: Measured = {
  triggerUs: BENCHMARK.triggerUs,
  fanOutUs: BENCHMARK.fanOutUs,
  handshakeUs: 150,
  socketKib: 3,
  heapKib: 4,
  processKib: 80_000,
  processHeapKib: 15_000,
};
const MACHINE: Machine = { cores: 2, availableKib: 4_000_000, heapLimitKib: 2_000_000, openFiles: 20_000 };
const costs = costsOf(MEASURED);

test('a machine as fast as that of the benchmark has its costs, and a slower one more in proportion', () => {
  expect(costs).toMatchObject({ eventUs: BENCHMARK.eventUs, deliveryUs: BENCHMARK.deliveryUs });
  const slow = costsOf({ ...MEASURED, triggerUs: 2 * BENCHMARK.triggerUs, fanOutUs: 3 * BENCHMARK.fanOutUs });
  expect(slow.eventUs).toBeCloseTo(2 * BENCHMARK.eventUs);
  expect(slow.deliveryUs).toBeCloseTo(3 * BENCHMARK.deliveryUs);
});

test('the memory of a socket is the larger of measurement and benchmark', () => {
  expect(costs.socketKib).toBe(BENCHMARK.socketKib);
  expect(costsOf({ ...MEASURED, socketKib: 9 }).socketKib).toBe(9);
});

test('the first limit is the smallest', () => {
  expect(socketLimits(MACHINE, costs)[0]).toEqual({ of: 'open files', sockets: 19_000 });
  const [memory] = socketLimits({ ...MACHINE, availableKib: 150_000 }, costs);
  expect(memory).toEqual({ of: 'memory', sockets: Math.floor((150_000 * 0.85 - 80_000) / (3.54 + 4.7)) });
  const [heap] = socketLimits({ ...MACHINE, heapLimitKib: 50_000 }, costs);
  expect(heap).toEqual({ of: 'heap', sockets: Math.floor((50_000 * 0.85 - 15_000) / 4) });
});

test('a machine without enough memory for the process holds no sockets', () => {
  const small = { ...MACHINE, availableKib: 10_000 };
  expect(socketLimits(small, costs)[0]).toEqual({ of: 'memory', sockets: 0 });
  const load = { connections: 1, eventsPerSecond: 1, subscribersPerEvent: 1 };
  expect(nodesFor(load, small, costs)).toMatchObject({ nodes: undefined, because: 'memory' });
});

test('one core stays free from three cores on', () => {
  expect([1, 2, 3, 8].map((cores) => processesOn({ cores }))).toEqual([1, 1, 2, 7]);
  expect(socketLimits({ ...MACHINE, cores: 4 }, costs)[0]).toEqual({ of: 'open files', sockets: 57_000 });
});

test('events per second fill 80 % of a core', () => {
  expect(eventsPerSecond(costs, 1, 0, 10)).toBe(Math.floor(800_000 / (48.87 + 77.7)));
  expect(eventsPerSecond(costs, 1, 0, 1000)).toBeLessThan(eventsPerSecond(costs, 2, 0, 1000));
  expect(eventsPerSecond(costs, 1, 10_000, 1)).toBeLessThan(eventsPerSecond(costs, 1, 0, 1));
});

test('a load needs nodes for its sockets or for its events, whichever is more', () => {
  const sockets = { connections: 19_001, eventsPerSecond: 1, subscribersPerEvent: 1 };
  expect(nodesFor(sockets, MACHINE, costs)).toMatchObject({ nodes: 2, machines: 2, because: 'open files' });
  expect(nodesFor({ ...sockets, connections: 19_000 }, MACHINE, costs)).toMatchObject({ nodes: 1 });
  const events = { connections: 1000, eventsPerSecond: 400, subscribersPerEvent: 1000 };
  const need = nodesFor(events, MACHINE, costs);
  expect(need).toMatchObject({ because: 'CPU for events' });
  expect(need.nodes).toBeGreaterThan(3);
  expect(need.coreShare).toBeLessThanOrEqual(0.8);
});

test('more events than one Redis carries are not solved by more nodes', () => {
  const load = { connections: 1000, eventsPerSecond: eventsOverRedis(costs) + 1, subscribersPerEvent: 1 };
  expect(nodesFor(load, MACHINE, costs)).toMatchObject({ nodes: undefined, because: 'Redis' });
});

test('reconnecting takes the handshakes of a node', () => {
  expect(reconnectSeconds(costs, 2, 16_000)).toBeCloseTo((8000 * 150) / 800_000);
});

/** The benchmark's block on the page. */
const block = (name: string): string =>
  new RegExp(`<!-- bench:${name} -->([^]+?)<!-- /bench:${name} -->`).exec(
    textOf('docs/performance.md'),
  )?.[1] ?? '';
const lineOf = (name: string, start: string): string =>
  block(name)
    .split('\n')
    .find((line) => new RegExp(`^\\| ${start}`).test(line)) ?? '';

test.each([
  ['cost', 'model: one event +\\| Wavehall', `${BENCHMARK.eventUs} us`],
  ['cost', 'model: one delivery of it', `${BENCHMARK.deliveryUs} us`],
  ['trigger', 'POST events, signed \\| Wavehall', `${BENCHMARK.triggerUs} us/event`],
  ['fan-out', '1000 sockets, 1 event a tick +\\| Wavehall', `${BENCHMARK.fanOutUs} us/delivery`],
  ['handshake', 'connect, subscribe, vanish \\| Wavehall', `${BENCHMARK.handshakeUs} us`],
  ['memory', 'RSS of one more subscriber \\| Wavehall', `${BENCHMARK.socketKib} KiB`],
  ['idle', 'each client pings every 30 s \\| Wavehall', `${BENCHMARK.pingsPercent} % of a core`],
  ['idle', 'each client pings every 30 s \\| Wavehall', `pings/s ${BENCHMARK.pingsPerSecond}`],
  ['cross-node', '8 bursts of 32 at a time, POST events', `publisher ${BENCHMARK.publishUs}`],
  ['cross-node', '8 bursts of 32 at a time, POST events', `subscriber ${BENCHMARK.receiveUs}`],
  ['cross-node', '8 bursts of 32 at a time, POST events', `Redis ${BENCHMARK.redisUs.toFixed(2)}`],
])('a constant is the figure of the benchmark: %s, %s', (name, start, figure) => {
  expect(lineOf(name, start)).toContain(figure);
});
