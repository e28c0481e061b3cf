import { describe, expect, test } from 'vitest';
import type { App } from '../../src/core/app.ts';
import type { Stores } from '../../src/core/ports/stores.ts';
import { dataOf, deferred, openCore, settled, testApp, withOverrides } from './fakes.ts';

/** An app provider that answers when the test resolves it. */
function slowProvider() {
  const lookup = deferred<App | undefined>();
  return { lookup, provider: { byKey: () => lookup.promise, byId: () => lookup.promise } };
}

/** Memory stores whose membership waits until the test releases it. */
function slowMembership() {
  const gate = deferred();
  const stores = (memory: Stores): Stores => ({
    ...memory,
    membership: withOverrides(memory.membership, {
      join: async (...args: Parameters<Stores['membership']['join']>) => {
        await gate.promise;
        await memory.membership.join(...args);
      },
    }),
  });
  return { gate, stores };
}

const ping = { event: 'pusher:ping', data: {} };

describe('one client, one queue', () => {
  test('2.3 messages before the admission are held, and answered after connection_established', async () => {
    const { lookup, provider } = slowProvider();
    const site = openCore({ provider });
    const client = site.open();
    client.send(ping);
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    await settled();
    expect(client.frames).toEqual([]);
    lookup.release(testApp());
    await settled();
    expect(client.eventNames).toEqual([
      'pusher:connection_established',
      'pusher:pong',
      'pusher_internal:subscription_succeeded orders',
    ]);
  });

  test('2.5 messages before a refusal have no effect', async () => {
    const { lookup, provider } = slowProvider();
    const site = openCore({ provider });
    const client = site.open();
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    lookup.release(undefined);
    await settled();
    expect(client.eventNames).toEqual(['pusher:error']);
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test('3.11 a socket that closed before its admission leaves nothing behind', async () => {
    const { lookup, provider } = slowProvider();
    const site = openCore({ provider });
    const client = site.open();
    client.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    client.close(1006);
    lookup.release(testApp());
    await settled();
    expect(site.hub.size).toBe(0);
    expect(await site.stores.quota.connections('app-id')).toBe(0);
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test('3.11 a socket that closes in the middle of a subscribe leaves nothing behind', async () => {
    const { gate, stores } = slowMembership();
    const site = openCore({ stores });
    const client = await site.connect();
    client.subscribe('presence-room', { user_id: '7' });
    await settled();
    client.close(1006);
    await settled();
    gate.release();
    await settled();
    expect(site.hub.size).toBe(0);
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
    expect(await site.stores.membership.members({ app: 'app-id', channel: 'presence-room' })).toEqual([]);
    expect(site.logger.errors).toEqual([]);
  });

  test('3.11 a message that waits when the socket closes is dropped', async () => {
    const { gate, stores } = slowMembership();
    const site = openCore({ stores });
    const client = await site.connect();
    client.subscribe('orders');
    client.subscribe('others');
    await settled();
    client.close();
    gate.release();
    await settled();
    expect(site.logger.debugs.filter(({ title }) => title === 'Message Received')).toHaveLength(1);
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test('3.8 a subscribe followed directly by an unsubscribe ends unsubscribed', async () => {
    const { gate, stores } = slowMembership();
    const site = openCore({ stores });
    const client = await site.connect();
    client.subscribe('orders');
    client.unsubscribe('orders');
    await settled();
    gate.release();
    await settled();
    expect(client.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded orders');
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
  });

  test('2.12 with more than 64 waiting messages reading stops, until they are handled', async () => {
    const { gate, stores } = slowMembership();
    const site = openCore({ stores });
    const client = await site.connect();
    client.subscribe('orders');
    for (let waiting = 1; waiting < 64; waiting += 1) client.send(ping);
    expect(client.socket.readingStopped).toBe(false);
    client.send(ping);
    expect(client.socket.readingStopped).toBe(true);
    await settled();
    expect(client.socket.readingStopped).toBe(true);
    gate.release();
    await settled();
    expect(client.socket.readingStopped).toBe(false);
    expect(client.eventNames.filter((event) => event === 'pusher:pong')).toHaveLength(64);
  });

  test('2.12 the messages that wait for an admission pause the socket too', async () => {
    const { lookup, provider } = slowProvider();
    const site = openCore({ provider });
    const client = site.open();
    for (let waiting = 0; waiting < 65; waiting += 1) client.send(ping);
    expect(client.socket.readingStopped).toBe(true);
    lookup.release(testApp());
    await settled();
    expect(client.socket.readingStopped).toBe(false);
    expect(client.eventNames.filter((event) => event === 'pusher:pong')).toHaveLength(65);
  });
});

describe('defects', () => {
  const brokenJoin = (memory: Stores): Stores => ({
    ...memory,
    membership: withOverrides(memory.membership, {
      join: () => Promise.reject(new Error('secret of the server')),
    }),
  });

  test('2.14 a defect while a message is handled closes that socket with 1011, without details', async () => {
    const site = openCore({ stores: brokenJoin });
    const [client, other] = [await site.connect(), await site.connect()];
    client.subscribe('orders');
    await settled();
    expect(dataOf(client.frames.at(-1))).toEqual({ code: 1011, message: 'Internal server error' });
    expect(client.socket.closed?.code).toBe(1011);
    expect(client.socket.payloads.join()).not.toContain('secret of the server');
    expect(site.logger.errors).toHaveLength(1);
    other.send(ping);
    await settled();
    expect(other.eventNames.at(-1)).toBe('pusher:pong');
    expect(other.socket.closed).toBeUndefined();
  });

  test('3.11 a defect while a client leaves affects no other client, and the client is removed', async () => {
    const site = openCore({
      stores: (memory) => ({
        ...memory,
        membership: withOverrides(memory.membership, {
          leave: () => Promise.reject(new Error('out of reach')),
        }),
      }),
    });
    const [client, other] = [await site.connect(), await site.connect()];
    client.subscribe('orders');
    await settled();
    client.close();
    await settled();
    expect(site.hub.size).toBe(1);
    expect(site.logger.errors).toHaveLength(1);
    other.subscribe('others');
    await settled();
    expect(other.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded others');
  });
});
