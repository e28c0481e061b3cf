import { describe, expect, test } from 'vitest';
import { type Client, dataOf, openCore, settled, testApp } from './fakes.ts';

const app = testApp({ pingIntervalSeconds: 60 });
const ping = { event: 'pusher:ping', data: {} };

async function connected(options: Parameters<typeof openCore>[0] = {}) {
  const site = openCore({ apps: [app], ...options });
  const client = await site.connect();
  const pass = (ms: number): void => {
    site.clock.pass(ms);
    site.liveness.sweep();
  };
  return { site, client, pass };
}

describe('idle sockets', () => {
  test('2.10 a silent socket is pinged after the interval, and not again', async () => {
    const { client, pass } = await connected();
    pass(59_999);
    expect(client.socket.pings).toBe(0);
    pass(1);
    expect(client.socket.pings).toBe(1);
    pass(29_999);
    expect([client.socket.pings, client.socket.closed]).toEqual([1, undefined]);
  });

  test('2.10 without an answer it is closed with 4201 after 30 s', async () => {
    const { client, pass } = await connected();
    pass(60_000);
    pass(30_000);
    const reason = 'Pong reply not received in time';
    expect(client.frames.at(-1)).toEqual({ event: 'pusher:error', data: { code: 4201, message: reason } });
    expect(client.socket.closed).toEqual({ code: 4201, reason });
    pass(60_000);
    expect(client.frames).toHaveLength(2);
  });

  test.each([
    ['a control frame', (client: Client) => client.session.alive()],
    ['a message', (client: Client) => client.send(ping)],
    ['nonsense', (client: Client) => client.send('x')],
    ['a pong of the protocol', (client: Client) => client.send({ event: 'pusher:pong', data: {} })],
  ])('2.9 %s counts as activity', async (_, live) => {
    const { client, pass } = await connected();
    pass(60_000);
    pass(29_999);
    live(client);
    await settled();
    pass(59_999);
    expect([client.socket.pings, client.socket.closed]).toEqual([1, undefined]);
    pass(1);
    expect(client.socket.pings).toBe(2);
  });

  test('2.9 frames that the server sends do not count as activity of the client', async () => {
    const { site, client, pass } = await connected();
    client.subscribe('orders');
    await settled();
    for (let at = 0; at < 60; at += 1) {
      site.hub.deliver({ app: 'app-id', channel: 'orders' }, { payload: '{}' });
      await settled(1);
      pass(1000);
    }
    expect(client.socket.pings).toBe(1);
  });

  test('2.10 each app has its own interval, and sockets without channels are no exception', async () => {
    const other = testApp({ id: 'b', credentials: [{ key: 'b-key', secret: 's' }], pingIntervalSeconds: 5 });
    const { site, client, pass } = await connected({ apps: [app, other] });
    const quick = await site.connect({ appKey: 'b-key' });
    pass(5000);
    expect([client.socket.pings, quick.socket.pings]).toEqual([0, 1]);
  });

  test('2.10 a closed socket is not pinged', async () => {
    const { site, client, pass } = await connected();
    client.close();
    await settled();
    pass(600_000);
    expect([client.socket.pings, client.frames.length]).toEqual([0, 1]);
    expect(site.hub.size).toBe(0);
  });
});

describe('authorised connections', () => {
  const strict = testApp({ authorizeWithinSeconds: 10 });
  const reason = 'Connection not authorized within timeout.';

  test('6.8 a client that neither signs in nor subscribes to a signed channel is closed in time', async () => {
    const { client, pass } = await connected({ apps: [strict] });
    client.subscribe('orders');
    client.send({ event: 'pusher:subscribe', data: { channel: 'private-a', auth: 'app-key:wrong' } });
    await settled();
    pass(9999);
    expect(client.socket.closed).toBeUndefined();
    pass(1);
    expect(dataOf(client.frames.at(-1))).toEqual({ code: 4009, message: reason });
    expect(client.socket.closed).toEqual({ code: 4009, reason });
  });

  test.each([
    ['a sign-in', (client: Client) => client.signin({ id: '1' })],
    ['a private channel', (client: Client) => client.subscribe('private-a')],
    ['a presence channel', (client: Client) => client.subscribe('presence-a', { user_id: '1' })],
  ])('6.8 %s is enough, also when it is left again', async (_, authorise) => {
    const { client, pass } = await connected({ apps: [strict] });
    authorise(client);
    client.unsubscribe('private-a');
    await settled();
    pass(59_999);
    expect(client.socket.closed).toBeUndefined();
  });

  test('6.8 the check is off by default', async () => {
    const { client, pass } = await connected();
    for (let at = 0; at < 100; at += 1) {
      client.session.alive();
      pass(59_000);
    }
    expect(client.socket.closed).toBeUndefined();
  });
});

describe('readers that stall', () => {
  test('2.9 a socket of which the network takes nothing for ten seconds is ended without a close frame', async () => {
    const { site, client, pass } = await connected();
    Object.assign(client.socket, { bufferedBytes: 500, takenBytes: 100 });
    pass(1000);
    pass(9999);
    expect(client.socket.terminated).toBe(false);
    pass(1);
    expect([client.socket.terminated, client.socket.closed]).toEqual([true, undefined]);
    expect(site.refusalLog.warnings).toEqual([
      {
        message: 'Clients were disconnected: they do not read what they are sent',
        details: {
          reason: 'slow_reader',
          count: 1,
          app: 'app-id',
          address: '192.0.2.1',
          socket: client.socketId,
          bufferedBytes: 500,
        },
      },
    ]);
  });

  test('2.9 a slow reader that makes progress stays connected', async () => {
    const { client, pass } = await connected();
    client.socket.bufferedBytes = 500;
    for (let at = 0; at < 40; at += 1) {
      client.socket.flushedBytes += at % 9 === 0 ? 1 : 0;
      pass(1000);
    }
    expect(client.socket.terminated).toBe(false);
  });

  test('2.9 bytes that have just been written are no stall, however long the socket was idle', async () => {
    const { client, pass } = await connected();
    client.socket.flushedBytes = 100;
    pass(50_000);
    client.socket.bufferedBytes = 10;
    pass(1);
    pass(9999);
    expect(client.socket.terminated).toBe(false);
    client.socket.bufferedBytes = 0;
    pass(1);
    client.socket.bufferedBytes = 10;
    pass(9999);
    expect(client.socket.terminated).toBe(false);
  });
});

describe('the memory of the node', () => {
  const crowd = async (bufferedTotalBytes: number) => {
    const site = openCore({ apps: [app], liveness: { bufferedTotalBytes } });
    const clients = await Promise.all([100, 400, 0, 300, 200].map(() => site.connect()));
    [100, 400, 0, 300, 200].forEach((bytes, at) => (clients[at]!.socket.bufferedBytes = bytes));
    site.liveness.sweep();
    return clients.map(({ socket }) => socket.terminated);
  };

  test('2.9 above the cap of all buffers the largest are ended first, as few as it takes', async () => {
    expect(await crowd(1000)).toEqual([false, false, false, false, false]);
    expect(await crowd(999)).toEqual([false, true, false, false, false]);
    expect(await crowd(500)).toEqual([false, true, false, true, false]);
    expect(await crowd(1)).toEqual([true, true, false, true, true]);
  });

  test('2.9 without a cap no socket is ended', async () => {
    expect(await crowd(0)).toEqual([false, false, false, false, false]);
  });

  test('2.9 sockets that have been ended are not counted', async () => {
    const site = openCore({ apps: [app], liveness: { bufferedTotalBytes: 500 } });
    const [large, small] = [await site.connect(), await site.connect()];
    large.socket.bufferedBytes = 1000;
    small.socket.bufferedBytes = 400;
    site.liveness.sweep();
    site.liveness.sweep();
    expect([large.socket.terminated, small.socket.terminated]).toEqual([true, false]);
    expect(site.refusalLog.warnings).toHaveLength(1);
  });
});
