import { afterEach, describe, expect, test } from 'vitest';
import { publisher } from '../../support/wire-http.ts';
import { dataOf, eventually } from '../../support/wire.ts';
import { upstreamKinds } from '../upstream.ts';
import { BridgedPair } from './bridged-pair.ts';

let pair: BridgedPair;
afterEach(() => pair.close());

const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => JSON.stringify({ at }));

describe.each(upstreamKinds())('with $name as the upstream', (kind) => {
  test.each(['orders', 'private-orders', 'private-encrypted-orders', 'presence-orders'])(
    '11.8 delivers an event on %s once on each side and in order, whichever side it was published on',
    async (channel) => {
      pair = await BridgedPair.open(kind);
      const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
      const isPresence = channel.startsWith('presence');
      await b.join(channel, isPresence ? { user_id: 'b', user_info: {} } : undefined);
      await a.join(channel, isPresence ? { user_id: 'a', user_info: {} } : undefined);
      for (const data of numbers(20)) {
        await pair.publishAtNode(channel, 'from-here', data);
        await pair.publishAtUpstream(channel, 'from-there', data);
      }
      await pair.fence(channel, a, b);
      for (const client of [a, b]) {
        expect(client.received('from-here')).toEqual(numbers(20));
        expect(client.received('from-there')).toEqual(numbers(20));
      }
      expect(pair.node.state).toMatchObject({ forwarded: 21, received: 21, dropped: {} });
    },
  );

  test('11.8 delivers all equal events of both publishers in the same second', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
    await Promise.all([a.join('orders'), b.join('orders')]);
    const data = numbers(50).map((_, at) => (at % 2 === 0 ? 'same' : {}));
    await Promise.all([
      ...data.map((each) => pair.publishAtNode('orders', 'tick', each)),
      ...data.map((each) => pair.publishAtUpstream('orders', 'tick', each)),
    ]);
    await pair.fence('orders', a, b);
    for (const client of [a, b]) {
      expect(client.received('tick').filter((data) => data === 'same')).toHaveLength(50);
      expect(client.received('tick')).toHaveLength(100);
    }
  });

  test('11.7 excludes the socket of an event on either side', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b, c] = [
      await pair.connectToNode(),
      await pair.connectToUpstream(),
      await pair.connectToNode(),
    ];
    for (const client of [a, b, c]) await client.join('private-orders');
    await pair.publishAtNode('private-orders', 'without-a', 1, a.socketId);
    await pair.publishAtNode('private-orders', 'without-b', 1, b.socketId);
    await pair.publishAtUpstream('private-orders', 'not-b', 1, b.socketId);
    await pair.fence('private-orders', a, b, c);
    const receivedBy = (name: string) => [a, b, c].map((client) => client.received(name).length);
    expect(receivedBy('without-a')).toEqual([0, 1, 1]);
    expect(receivedBy('without-b')).toEqual([1, 0, 1]);
    expect(receivedBy('not-b')).toEqual([1, 0, 1]);
  });

  test('11.7 batches of publishers of both sides keep their order', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
    for (const client of [a, b]) await client.join('orders');
    const batch = (name: string) => ({
      batch: numbers(10).map((data) => ({ name, channel: 'orders', data, socket_id: '1.1' })),
    });
    await Promise.all([
      publisher(pair.node.app).post('/batch_events', batch('here')),
      publisher(pair.upstream.app).post('/batch_events', batch('there')),
    ]);
    await pair.fence('orders', a, b);
    for (const client of [a, b])
      for (const name of ['here', 'there']) expect(client.received(name)).toEqual(numbers(10));
  });

  test('11.9 client events cross once in both directions', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b, c] = [
      await pair.connectToNode(),
      await pair.connectToUpstream(),
      await pair.connectToNode(),
    ];
    for (const client of [a, b, c]) await client.join('private-chat');
    const sent = [{ typing: true, text: 'é / ü', list: [1, { a: {} }] }, {}, { 0: 'x', 1: 'y' }];
    for (const data of sent) {
      a.sendClientEvent('private-chat', 'client-a', data);
      b.sendClientEvent('private-chat', 'client-b', data);
    }
    await eventually(
      () => b.received('client-a').length === 3 && a.received('client-b').length === 3,
      'client events',
    );
    await pair.fence('private-chat', a, b, c);
    expect([a, b, c].map((client) => client.received('client-a').length)).toEqual([0, 3, 3]);
    expect([a, b, c].map((client) => client.received('client-b').length)).toEqual([3, 0, 3]);
    // PHP turns an empty object into a list.
    const carried = { ...sent[0], list: [1, { a: expect.toBeOneOf([{}, []]) as unknown }] };
    expect(b.received('client-a')[0]).toEqual(carried);
    expect(a.received('client-b')[0]).toEqual(carried);
    expect(pair.node.state).toMatchObject({ clientEventsSent: 3, clientEventsReceived: 3, dropped: {} });
  });

  test('11.9 a client event on a presence channel keeps its user, whichever connection is the listener', async () => {
    pair = await BridgedPair.open(kind);
    const channel = 'presence-chat';
    const [a, b, c] = [
      await pair.connectToNode(),
      await pair.connectToUpstream(),
      await pair.connectToNode(),
    ];
    await b.join(channel, { user_id: 'b', user_info: {} });
    await a.join(channel, { user_id: 'a', user_info: {} });
    await c.join(channel, { user_id: 'c', user_info: {} });
    await eventually(() => b.roster(channel).length === 3, 'all members are listed');
    for (const [at, data] of [{ n: 1 }, {}, { n: 1 }].entries()) {
      a.sendClientEvent(channel, 'client-x', data);
      c.sendClientEvent(channel, 'client-x', data);
      b.sendClientEvent(channel, 'client-x', data);
      await eventually(
        () => [a, b, c].every((client) => client.received('client-x').length >= 2 * (at + 1)),
        'client events',
      );
    }
    await pair.fence(channel, a, b, c);
    const from = (client: typeof a): unknown[] =>
      client.frames.filter(({ event }) => event === 'client-x').map(({ user_id: id }) => id);
    expect(from(a).sort()).toEqual(['b', 'b', 'b', 'c', 'c', 'c']);
    expect(from(b).sort()).toEqual(['a', 'a', 'a', 'c', 'c', 'c']);
    expect(from(c).sort()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
  });

  test('11.10 members of both sides see each other, and a user on both sides is one member', async () => {
    pair = await BridgedPair.open(kind);
    const channel = 'presence-room';
    const [a, b, c, secondC] = [
      await pair.connectToNode(),
      await pair.connectToUpstream(),
      await pair.connectToNode(),
      await pair.connectToUpstream(),
    ];
    await b.join(channel, { user_id: 'b', user_info: { name: 'B' } });
    const first = await a.join(channel, { user_id: 'a', user_info: { name: 'A' } });
    expect(dataOf(first)).toEqual({
      presence: {
        count: 2,
        ids: expect.arrayContaining(['a', 'b']) as string[],
        hash: { a: { name: 'A' }, b: { name: 'B' } },
      },
    });
    await eventually(() => b.roster(channel).join() === 'a,b', 'b lists a');
    await c.join(channel, { user_id: 'c' });
    await eventually(
      () => [a, b].every((client) => client.roster(channel).join() === 'a,b,c'),
      'c is listed',
    );
    await secondC.join(channel, { user_id: 'c', user_info: {} });
    // The first member, whose connection is the listener, leaves: the others receive nothing else.
    a.leave(channel);
    await eventually(() => [b, c].every((client) => client.roster(channel).join() === 'b,c'), 'a left');
    await pair.fence(channel, b, c, secondC);
    c.leave(channel);
    const d = await pair.connectToNode();
    await d.join(channel, { user_id: 'd', user_info: {} });
    await eventually(
      () => [b, d].every((client) => client.roster(channel).join() === 'b,c,d'),
      'd is listed',
    );
    secondC.leave(channel);
    await eventually(() => [b, d].every((client) => client.roster(channel).join() === 'b,d'), 'c left');
    await pair.fence(channel, b, d);
    expect(b.memberChanges(channel)).toEqual(['+a', '+c', '-a', '+d', '-c']);
    expect(c.memberChanges(channel)).toEqual(['-a']);
    expect(d.memberChanges(channel)).toEqual(['-c']);
  });

  test('11.10 loses and doubles nothing when the listener changes under load', async () => {
    pair = await BridgedPair.open(kind);
    const channel = 'presence-load';
    const watcher = await pair.connectToNode();
    const b = await pair.connectToUpstream();
    await b.join(channel, { user_id: 'b', user_info: {} });
    const leavers = await Promise.all(numbers(6).map(() => pair.connectToNode()));
    for (const [at, client] of leavers.entries()) await client.join(channel, { user_id: `l${at}` });
    await watcher.join(channel, { user_id: 'watcher' });
    await eventually(() => b.roster(channel).length === 8, 'all members are listed');
    const published: string[] = [];
    let isOver = false;
    const load = async (): Promise<void> => {
      for (let at = 0; !isOver; at += 1) {
        published.push(JSON.stringify({ at: Math.floor(at / 3) }));
        await pair.publishAtUpstream(channel, 'load', published.at(-1));
      }
    };
    const loading = load();
    for (const client of leavers) {
      client.leave(channel);
      await eventually(
        () => b.roster(channel).length === 8 - leavers.indexOf(client) - 1,
        () => `the member has left: ${b.roster(channel).join()}`,
      );
    }
    isOver = true;
    await loading;
    await pair.fence(channel, watcher, b);
    expect(watcher.received('load')).toEqual(published);
    expect(watcher.roster(channel)).toEqual(['b', 'watcher']);
  });

  test('11.10 opens as many connections as the fullest channel has members', async () => {
    pair = await BridgedPair.open(kind, { limits: { idleMs: 50 } });
    const clients = await Promise.all(numbers(5).map(() => pair.connectToNode()));
    for (const [at, client] of clients.entries())
      for (const channel of ['presence-1', 'presence-2', 'presence-3'])
        await client.join(channel, { user_id: `u${at}` });
    await eventually(
      () => pair.node.state.connections === 6,
      'five connections for members and the main connection',
    );
    expect(pair.node.state).toMatchObject({ members: 15, channels: 3 });
    for (const client of clients) client.wire.drop();
    await eventually(() => pair.node.state.connections === 1, 'unused connections are closed');
    expect(pair.node.state).toMatchObject({ members: 0, channels: 0 });
  });

  test.each(['cache-price', 'private-cache-price', 'presence-cache-price'])(
    '11.11 sends new subscribers of %s the newest event of either side',
    async (channel) => {
      pair = await BridgedPair.open(kind);
      const member = (id: string) =>
        channel.startsWith('presence') ? { user_id: id, user_info: {} } : undefined;
      const b = await pair.connectToUpstream();
      await b.join(channel, member('b'));
      await pair.publishAtUpstream(channel, 'price', 1);
      await eventually(() => b.received('price').length === 1, 'the event is published');
      const a = await pair.connectToNode();
      await a.join(channel, member('a'));
      await eventually(() => a.received('price').length > 0, 'the cached event of the upstream');
      await pair.publishAtUpstream(channel, 'price', 2);
      await eventually(() => a.received('price').length === 2, 'the new event of the upstream');
      const c = await pair.connectToNode();
      await c.join(channel, member('c'));
      await eventually(() => c.received('price').length > 0, 'the newest event of either side');
      await pair.publishAtNode(channel, 'price', 3);
      await pair.fence(channel, a, b, c);
      expect(a.received('price')).toEqual(['1', '2', '3']);
      expect(c.received('price')).toEqual(['2', '3']);
    },
  );

  test('11.10 the API counts both sides, also on channels without subscribers on Wavehall', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b, c] = [
      await pair.connectToNode(),
      await pair.connectToUpstream(),
      await pair.connectToUpstream(),
    ];
    for (const client of [a, b]) await client.join('orders');
    await b.join('private-there');
    await b.join('presence-there', { user_id: 'b', user_info: {} });
    await c.join('presence-both', { user_id: 'c', user_info: {} });
    await c.join('wavehall-canary-x');
    await a.join('presence-both', { user_id: 'a', user_info: {} });
    const api = publisher(pair.node.app);
    const get = async (path: string, info?: string) =>
      (await api.get(path, info === undefined ? [] : [['info', info]])).json;
    await eventually(() => c.roster('presence-both').length === 2, 'c lists a');
    expect(await get('/channels/presence-there/users')).toEqual({ users: [{ id: 'b' }] });
    expect(await get('/channels/presence-both/users')).toEqual({
      users: expect.arrayContaining([{ id: 'a' }, { id: 'c' }]) as unknown,
    });
    expect(await get('/channels/presence-nobody/users')).toEqual({ users: [] });
    expect(await get('/channels/presence-there', 'user_count')).toEqual({ occupied: true, user_count: 1 });
    expect(await get('/channels/presence-both', 'user_count')).toEqual({ occupied: true, user_count: 2 });
    expect(await get('/channels/orders', 'subscription_count')).toEqual({
      occupied: true,
      subscription_count: 2,
    });
    expect(await get('/channels/private-there', 'subscription_count')).toEqual({
      occupied: true,
      subscription_count: 1,
    });
    expect(await get('/channels/nobody')).toEqual({ occupied: false });
    const { channels } = (await get('/channels', 'user_count,subscription_count')) as { channels: object };
    expect(channels).toEqual({
      orders: { subscription_count: 2 },
      'private-there': { subscription_count: 1 },
      'presence-there': { user_count: 1 },
      'presence-both': { user_count: 2 },
    });
    expect(await get('/connections')).toEqual({ connections: 3 });
    pair.upstream.proxy.cut();
    await pair.upstream.proxy.refuse();
    await eventually(() => !pair.node.state.connected, 'the bridge is disconnected');
    expect(await get('/channels/orders', 'subscription_count')).toEqual({
      occupied: true,
      subscription_count: 1,
    });
    expect(await get('/connections')).toEqual({ connections: 1 });
  });

  test('11.9 a client event sent right after joining reaches the upstream', async () => {
    pair = await BridgedPair.open(kind);
    const b = await pair.connectToUpstream();
    await b.join('private-chat');
    await b.join('presence-chat', { user_id: 'b', user_info: {} });
    await (await pair.connectToNode()).join('presence-chat', { user_id: 'a0', user_info: {} });
    const clients = await Promise.all(numbers(5).map(() => pair.connectToNode()));
    await Promise.all(
      clients.map(async (client, at) => {
        await client.join('presence-chat', { user_id: `a${at + 1}`, user_info: {} });
        for (const n of [1, 2]) client.sendClientEvent('presence-chat', 'client-hello', { n });
        await client.join('private-chat');
        client.sendClientEvent('private-chat', 'client-hello', {});
      }),
    );
    await eventually(
      () => b.received('client-hello').length === 15,
      () => JSON.stringify(pair.node.state),
    );
    expect(pair.node.state).toMatchObject({ dropped: {}, gaps: 0 });
  });

  test('11.12 terminates a user on both sides', async () => {
    pair = await BridgedPair.open(kind);
    const [a, b] = [await pair.connectToNode(), await pair.connectToUpstream()];
    await a.join('presence-x', { user_id: '7', user_info: {} });
    await b.join('presence-x', { user_id: '7', user_info: {} });
    await publisher(pair.node.app).post('/users/7/terminate_connections', {});
    await Promise.all([a.wire.closing(), b.wire.closing()]);
  });
});
