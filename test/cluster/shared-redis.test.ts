/** Installations that share one redis-server. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Redis } from 'ioredis';
import type { AppIdentity } from '../../src/stores/redis/options.ts';
import type { RedisOptions } from '../../src/stores/redis/index.ts';
import { member, CaseTools } from '../conformance/case-tools.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { dataOf, eventually, type Wire } from '../support/wire.ts';
import { channelOf, member as memberOf, openNode, nodeOptions } from './redis-node.ts';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

const OLD = { key: 'old-key', secret: 'old-secret' };
const NEW = { key: 'new-key', secret: 'new-secret' };
const appWith = (...credentials: [typeof OLD, ...(typeof OLD)[]]): AppIdentity => ({ id: 'a', credentials });

type Difference = Pick<RedisOptions, 'apps'> & { database?: number };

/** Opens two nodes whose options differ only in the given ones. */
async function two(one: Difference, other: Difference) {
  const options = nodeOptions({ port: redis.port });
  return [await openNode({ ...options, ...one }), await openNode({ ...options, ...other })] as const;
}

type Node = Awaited<ReturnType<typeof openNode>>;

const [orders, presence, user] = [channelOf('orders'), channelOf('presence-room'), channelOf('#user-7')];

/** Uses every feature over Redis on one node; returns what the other node has received or can read of it. */
async function exchange(from: Node, to: Node) {
  const terminated: string[] = [];
  for (const node of [from, to]) for (const ref of [orders, presence, user]) await node.broker.subscribe(ref);
  to.nodeCommands.onTerminate((_app, id) => terminated.push(id));
  const own: string[] = [];
  from.nodeCommands.onTerminate((_app, id) => own.push(id));
  await from.membership.join(presence, { subscriptions: 1, member: memberOf('1'), socketId: '1.1' });
  await from.membership.join(user, { subscriptions: 1, member: memberOf('7'), socketId: '1.1' });
  await from.quota.admit('a', 10);
  await from.state.write('cutover', { percent: 50 });
  await from.broker.publish(orders, { payload: 'x' }, { size: 10, ttlSeconds: 60, lastSeconds: 60 });
  await from.nodeCommands.terminate('a', '7');
  await eventually(
    () => from.payloads('orders').length > 0 && own.length > 0,
    'the sender receives its own event',
  );
  // Events keep their order: when `y` has arrived, every earlier event would have arrived.
  await to.broker.publish(orders, { payload: 'y' }, { size: 10, ttlSeconds: 60, lastSeconds: 60 });
  await eventually(() => to.payloads('orders').includes('y'), 'the other node receives its own event');
  return {
    events: to.payloads('orders').filter((payload) => payload === 'x').length,
    memberEvents: to.payloads('presence-room').length + to.payloads('#user-7').length,
    terminated: terminated.length,
    members: (await to.membership.members(presence)).length,
    watched: (await to.membership.members(user)).length,
    occupied: (await to.membership.channels('a', '')).size,
    subscriptions: (await to.membership.occupancy(presence)).subscriptions,
    connections: await to.quota.connections('a'),
    state: await to.state.read('cutover'),
    last: (await to.cachedEvents.last(orders))?.payload,
  };
}

const NOTHING = {
  ...{ events: 0, memberEvents: 0, terminated: 0, members: 0, watched: 0, occupied: 0, subscriptions: 0 },
  ...{ connections: 0, state: undefined, last: 'y' },
};

const OTHER_SECRET = { key: OLD.key, secret: 'another' };
const OTHER_KEY = { key: 'another', secret: OLD.secret };

describe('two installations over one Redis exchange nothing', () => {
  const apps = [appWith(OLD)];
  test.each([
    ['the number of the database', { apps, database: 0 }, { apps, database: 1 }],
    ['key and secret', { apps }, { apps: [appWith(NEW)] }],
    ['the secret alone', { apps }, { apps: [appWith(OTHER_SECRET)] }],
    ['the key alone', { apps }, { apps: [appWith(OTHER_KEY)] }],
  ])('3.13 when they differ in %s', async (_what, one, other) => {
    const [a, b] = await two(one, other);
    expect(await exchange(a, b)).toEqual(NOTHING);
  });

  test('3.13 each ignores commands of the other installation, and logs once that another exists', async () => {
    const [a, b] = await two({ apps: [appWith(OLD)] }, { apps: [appWith(NEW)] });
    for (let times = 0; times < 3; times += 1) await exchange(a, b);
    const linesOf = (node: Node) =>
      node.logger.warnings.filter(({ message }) => message.startsWith('Another inst'));
    await eventually(() => linesOf(a).length === 1 && linesOf(b).length === 1, 'both log it');
    expect(linesOf(b)).toMatchObject([{ details: { app: 'a' } }]);
    expect(JSON.stringify([a.logger.warnings, b.logger.warnings])).not.toMatch(/secret":|-secret/);
  });

  test('3.13 with the same database, key and secret they are one installation', async () => {
    const [a, b] = await two({ apps }, { apps });
    const joined = { events: 1, terminated: 1, members: 1, watched: 1, subscriptions: 1, connections: 1 };
    expect(await exchange(a, b)).toMatchObject({ ...joined, state: { percent: 50 } });
    expect([...a.logger.warnings, ...b.logger.warnings]).toEqual([]);
  });

  test('3.13 stores no secret in Redis', async () => {
    await two({ apps }, { apps: [appWith(NEW, OLD)] });
    const client = new Redis(redis.port);
    const names = await client.keys('*');
    const values = await Promise.all(
      names.filter((name) => name.endsWith('scopes')).map((name) => client.hgetall(name)),
    );
    client.disconnect();
    expect(JSON.stringify([names, values])).not.toMatch(/(old|new)-(secret|key)/);
  });
});

describe('while credentials are rotated', () => {
  const steps = [[appWith(OLD)], [appWith(NEW, OLD)], [appWith(NEW)]];
  /** Publishes on each node; expects that every node receives each event. */
  async function expectExchange(...nodes: Node[]): Promise<void> {
    for (const node of nodes) await node.broker.subscribe(orders);
    for (const [at, node] of nodes.entries()) {
      const payload = `from ${at}`;
      await eventually(async () => {
        // A node that changes its scope refuses to publish for a moment.
        await node.broker
          .publish(orders, { payload }, { size: 10, ttlSeconds: 60, lastSeconds: 60 })
          .catch(() => undefined);
        return nodes.every((each) => each.payloads('orders').includes(payload));
      }, `all nodes receive the event of node ${at}`);
    }
  }

  async function nodesOf(options: RedisOptions, order: readonly number[]): Promise<Node[]> {
    const nodes: Node[] = [];
    for (const step of order) nodes.push(await openNode({ ...options, apps: steps[step] }));
    return nodes;
  }

  test.each([[[0, 1, 2]], [[1, 0, 2]], [[1, 2, 0]]])(
    '7.6 nodes with the old, both and the new credentials exchange events, started in the order %j',
    async (order) => {
      const nodes = await nodesOf(nodeOptions({ port: redis.port, leaseMs: 1000 }), order);
      await expectExchange(...nodes);
      await nodes[0]!.membership.join(presence, { subscriptions: 1, member: memberOf('1'), socketId: '1.1' });
      for (const node of nodes) expect(await node.membership.members(presence)).toHaveLength(1);
    },
  );

  test('7.6 two installations become one when a node starts with the credentials of both', async () => {
    const options = nodeOptions({ port: redis.port, leaseMs: 1000 });
    const [last, first] = await nodesOf(options, [2, 0]);
    await last!.broker.subscribe(orders);
    await last!.broker.subscribe(presence);
    await last!.membership.join(presence, { subscriptions: 1, member: memberOf('1'), socketId: '1.1' });
    expect(await first!.membership.members(presence)).toEqual([]);
    const both = await openNode({ ...options, apps: steps[1] });
    await expectExchange(last!, first!, both);
    for (const node of [last!, first!, both])
      await eventually(
        async () => (await node.membership.members(presence)).length === 1,
        'all nodes read the same roster',
      );
    await eventually(
      async () => (await both.membership.occupancy(presence)).subscriptions === 1,
      'the count includes all nodes',
    );
  });

  test('7.6 stays one installation after Redis lost all data', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const options = nodeOptions({ port: own.port, leaseMs: 1000 });
    const [, both, last] = await nodesOf(options, [0, 1, 2]);
    const client = new Redis(own.port);
    await client.flushall();
    client.disconnect();
    const fresh = await openNode({ ...options, apps: steps[2] });
    for (const node of [both!, last!]) await node.ready();
    await expectExchange(both!, last!, fresh);
  });
});

describe('production and staging on one Redis', () => {
  const PRODUCTION = { id: 'shop', key: 'production-key', secret: 'production-secret' };
  const STAGING = { id: 'shop', key: 'staging-key', secret: 'staging-secret' };

  async function siteOf(app: typeof PRODUCTION, env: Record<string, string> = {}): Promise<CaseTools> {
    const server = await startServer({
      REVERB_APP_ID: app.id,
      REVERB_APP_KEY: app.key,
      REVERB_APP_SECRET: app.secret,
      REVERB_SCALING_ENABLED: 'true',
      WAVEHALL_APP_SUBSCRIPTION_COUNTS: 'true',
      REDIS_PORT: `${redis.port}`,
      ...env,
    });
    onTestFinished(() => server.close());
    return new CaseTools({ ...app, host: server.host, port: server.port, prefix: '' });
  }

  test.each([
    ['their databases', PRODUCTION, { REDIS_DB: '3' }],
    ['their keys and secrets', STAGING, {}],
    ['their secrets', { ...PRODUCTION, secret: 'staging-secret' }, {}],
  ])('3.13 with the same app id and separated by %s, exchange nothing', async (_what, app, env) => {
    const [production, staging] = [await siteOf(PRODUCTION), await siteOf(app, env)];
    onTestFinished(async () => {
      await Promise.all([production.cleanUp(), staging.cleanUp()]);
    });
    const watching = async (site: CaseTools): Promise<Wire> => {
      const wire = await site.signedIn({ id: '7', watchlist: ['8'] });
      for (const [name, how] of [['orders'], ['presence-room', { member: member('7') }]] as const)
        await site.subscribe(wire, name, how);
      return wire;
    };
    const wire = await watching(production);
    await staging.signedIn({ id: '8' });
    const stagingMember = await staging.subscriber('presence-room', { member: member('9') });
    await staging.subscribe(stagingMember, 'orders');
    await staging.publish('from-staging', 'x', ['orders']);
    await staging.publish('to-user', 'x', ['#server-to-user-7']);
    expect((await staging.publisher.post('/users/7/terminate_connections', {})).status).toBe(200);
    await stagingMember.next('from-staging');

    expect(await production.channel('presence-room', 'user_count')).toMatchObject({ user_count: 1 });
    expect((await production.get('/connections')).json).toMatchObject({ connections: 1 });
    expect((await staging.get('/connections')).json).toMatchObject({ connections: 2 });
    await production.publish('own', 'x', ['orders']);
    await wire.next('own');
    const received = wire.texts.map((text) => (JSON.parse(text) as { event: string }).event);
    expect(received.filter((event) => /staging|to-user|member_|watchlist/.test(event))).toEqual([
      'pusher_internal:watchlist_events',
    ]);
    const [state] = wire.texts.filter((text) => text.includes('watchlist_events'));
    expect(dataOf(JSON.parse(state ?? '{}') as never)).toMatchObject({
      events: [{ name: 'offline', user_ids: ['8'] }],
    });
  });
});
