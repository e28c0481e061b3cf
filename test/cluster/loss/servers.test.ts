/** The loss meter of real servers, while links, nodes and Redis fail. */
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { APP_VARIABLES } from '../../support/app.ts';
import type { LossReport } from '../../../src/core/ports/nodes/loss-meter.ts';
import { Cluster, type TestNode } from '../../support/cluster.ts';
import type { Fault, Link } from '../../support/fault-proxy.ts';
import { startRedis } from '../../support/redis.ts';
import { startServer } from '../../support/server.ts';
import { http } from '../../support/wire-http.ts';
import { eventually, Wire } from '../../support/wire.ts';
import { countsOf, meterIn, nameOf, type PairCounts } from './pair-counts.ts';

const WAIT_MS = 30_000;
const ADMIN_TOKEN = 'the-token-of-the-tests-long-enough';

let cluster: Cluster;
beforeAll(async () => void (cluster = await Cluster.start()));
afterEach(() => cluster.heal());
afterAll(() => cluster.close());

const others = (node: TestNode): TestNode[] => cluster.nodes.filter((one) => one !== node);

/** Counts of all pairs: first the receiving node, then the sending one. */
async function allCounts(): Promise<PairCounts[][]> {
  const names = await Promise.all(cluster.nodes.map(nameOf));
  return Promise.all(cluster.nodes.map((node) => Promise.all(names.map((from) => countsOf(node, from)))));
}

/** Waits until a node has received `more` messages of another than now. */
async function hears(node: TestNode, from: TestNode, more = 3): Promise<void> {
  const name = await nameOf(from);
  const before = (await countsOf(node, name)).received;
  await eventually(
    async () => (await countsOf(node, name)).received >= before + more,
    `node ${node.index} receives messages of node ${from.index}`,
    WAIT_MS,
  );
}

/** Waits until every node has received `more` messages of every other one. */
const allHear = (more?: number): Promise<unknown> =>
  Promise.all(cluster.nodes.flatMap((node) => others(node).map((from) => hears(node, from, more))));

const passed = (after: PairCounts, before: PairCounts): number =>
  after.received + after.lost - before.received - before.lost;

test('12.2 in quiet each node counts the two others, and nothing is lost or doubled', async () => {
  await allHear();
  const names = await Promise.all(cluster.nodes.map(nameOf));
  for (const node of cluster.nodes) {
    const { pairs } = meterIn(await node.metrics());
    expect([...pairs.keys()].sort()).toEqual(names.filter((_, index) => index !== node.index).sort());
    for (const pair of pairs.values()) expect(pair).toMatchObject({ lost: 0, doubled: 0 });
  }
});

test('12.3 no client receives it, and no channel, connection or user is counted', async () => {
  const [node] = cluster.nodes as [TestNode];
  const wire = await Wire.open(node.server, `/app/${node.endpoint.key}?protocol=7`);
  await wire.first();
  for (const channel of ['loss', '#loss', 'meter'])
    wire.send({ event: 'pusher:subscribe', data: { channel } });
  await allHear();
  wire.send({ event: 'pusher:ping', data: {} });
  await wire.next('pusher:pong');
  const events = wire.texts.map((text) => (JSON.parse(text) as { event: string }).event);
  expect(new Set(events)).toEqual(
    new Set([
      'pusher:connection_established',
      'pusher_internal:subscription_succeeded',
      'pusher:subscription_error',
      'pusher:pong',
    ]),
  );
  await wire.close();
  await eventually(
    async () => (await node.get('/connections')).text === '{"connections":0}',
    'no connection is counted',
  );
  await eventually(
    async () => (await node.get('/channels')).text === '{"channels":{}}',
    'no channel is counted',
  );
});

test('12.3 GET /admin/status lists the pairs of the node', async () => {
  const [node] = cluster.nodes as [TestNode];
  await allHear(1);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const { text } = await http(node.endpoint, { method: 'GET', path: '/admin/status', headers });
  const { workers } = JSON.parse(text) as { workers: readonly { loss: LossReport }[] };
  const [first] = workers;
  expect(first?.loss.node).toBe(await nameOf(node));
  expect(first?.loss.pairs.map(({ from }) => from).sort()).toEqual(
    (await Promise.all(others(node).map(nameOf))).sort(),
  );
  for (const pair of first?.loss.pairs ?? []) {
    expect(pair).toMatchObject({ lost: 0, doubled: 0 });
    expect(pair.received).toBeGreaterThan(0);
    expect(pair.lastSeconds).toBeLessThan(WAIT_MS / 1000);
  }
});

describe('a broken link', () => {
  test('12.2 a node without a subscription loses the messages of every other node, and no other pair does', async () => {
    const [node, second, third] = cluster.nodes as [TestNode, TestNode, TestNode];
    await allHear(1);
    const before = await allCounts();
    node.proxy.setFault('blackholed', 'subscriber');
    await Promise.all([hears(second, third, 5), hears(third, second, 5), hears(second, node, 5)]);
    node.proxy.heal();
    await cluster.ready(WAIT_MS);
    await allHear(7);
    const after = await allCounts();
    after.forEach((row, receiver) =>
      row.forEach((counts, sender) => {
        const lost = counts.lost - (before[receiver]?.[sender]?.lost ?? NaN);
        if (receiver === node.index && sender !== node.index) expect(lost).toBeGreaterThanOrEqual(3);
        else expect([receiver, sender, lost]).toEqual([receiver, sender, 0]);
        expect(counts.doubled).toBe(0);
      }),
    );
    // As many as another node received, apart from the one that is on its way.
    const [from1, from2] = [passed(after[0]![1]!, before[0]![1]!), passed(after[2]![1]!, before[2]![1]!)];
    expect(Math.abs(from1 - from2)).toBeLessThanOrEqual(2);
  }, 120_000);

  test.each<readonly [string, Fault, Link | undefined]>([
    ['its commands get no answer', 'repliesLost', 'commands'],
    ['its commands are stalled', 'stalled', 'commands'],
    ['its commands are discarded', 'blackholed', 'commands'],
    ['it is disconnected from Redis', 'stalled', undefined],
  ])(
    '12.1 of a sender nothing is lost or doubled while %s',
    async (_, fault, link) => {
      const [node, second, third] = cluster.nodes as [TestNode, TestNode, TestNode];
      await allHear(1);
      const before = await allCounts();
      node.proxy.setFault(fault, link);
      await Promise.all([hears(second, third, 5), hears(third, second, 5)]);
      node.proxy.heal();
      await cluster.ready(WAIT_MS);
      await Promise.all([hears(second, node, 7), hears(third, node, 7)]);
      const after = await allCounts();
      for (const { index } of [second, third])
        for (const sender of others(cluster.node(index)).map((one) => one.index)) {
          expect(after[index]![sender]!.lost).toBe(before[index]![sender]!.lost);
          expect(after[index]![sender]!.doubled).toBe(0);
        }
    },
    120_000,
  );

  test('12.1 of a sender nothing is lost or doubled while its connection is cut again and again', async () => {
    const [node, ...receivers] = cluster.nodes as [TestNode, TestNode, TestNode];
    await allHear(1);
    const before = await allCounts();
    for (let round = 0; round < 8; round += 1) {
      node.proxy.cut('commands');
      await hears(receivers[0], receivers[1], 1);
    }
    await cluster.ready(WAIT_MS);
    await Promise.all(receivers.map((one) => hears(one, node, 7)));
    const after = await allCounts();
    for (const { index } of receivers)
      expect(after[index]![0]).toMatchObject({ lost: before[index]![0]!.lost, doubled: 0 });
  }, 120_000);
});

test('12.2 when Redis restarts, the same nodes go on, and only what went past a subscription is lost', async () => {
  await allHear(1);
  const [names, before] = [await Promise.all(cluster.nodes.map(nameOf)), await allCounts()];
  await cluster.redis.restart();
  await cluster.ready(WAIT_MS);
  await allHear(7);
  expect(await Promise.all(cluster.nodes.map(nameOf))).toEqual(names);
  const after = await allCounts();
  after.forEach((row, receiver) =>
    row.forEach(({ lost, doubled }, sender) => {
      expect(doubled).toBe(0);
      // A node may be connected again some seconds before another one.
      expect(lost - before[receiver]![sender]!.lost).toBeLessThanOrEqual(4);
    }),
  );
}, 120_000);

test('12.2 a killed node counts as no loss, and comes back under another name', async () => {
  const [node, ...receivers] = cluster.nodes as [TestNode, TestNode, TestNode];
  const name = await nameOf(node);
  const before = await allCounts();
  await node.kill();
  await hears(receivers[0], receivers[1], 6);
  await node.start();
  await node.ready();
  await Promise.all(receivers.map((one) => hears(one, node, 6)));
  const newName = await nameOf(node);
  expect(newName).not.toBe(name);
  for (const receiver of receivers) {
    const { pairs } = meterIn(await receiver.metrics());
    expect(pairs.get(name)).toMatchObject({ lost: before[receiver.index]![0]!.lost, doubled: 0 });
    expect(pairs.get(newName)).toMatchObject({ lost: 0, doubled: 0 });
  }
}, 120_000);

test('12.3 each worker is a node, and their counts are added', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const server = await startServer({
    ...APP_VARIABLES,
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: `${redis.port}`,
    REVERB_SCALING_ENABLED: 'true',
    WAVEHALL_ADMIN_TOKEN: ADMIN_TOKEN,
    WAVEHALL_WORKERS: '2',
  });
  onTestFinished(() => server.close());
  const at = { ...cluster.node(0).endpoint, port: server.port };
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const meter = async () =>
    meterIn((await http(at, { method: 'GET', path: '/admin/metrics', headers })).text);
  await eventually(
    async () => {
      const { nodes, pairs } = await meter();
      return nodes.length === 2 && nodes.every((name) => (pairs.get(name)?.received ?? 0) >= 3);
    },
    'each worker is received by the others',
    WAIT_MS,
  );
  const { nodes, pairs } = await meter();
  expect([...pairs.keys()].sort()).toEqual(nodes);
  for (const pair of pairs.values()) expect(pair).toMatchObject({ lost: 0, doubled: 0 });
}, 60_000);
