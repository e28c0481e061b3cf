import { describe, expect, test } from 'vitest';
import { type Client, dataOf, openCore, settled, testApp } from './fakes.ts';
import { waitFor } from '../support/wait-for.ts';

const ping = { event: 'pusher:ping', data: {} };
const INVALID = { event: 'pusher:error', data: { code: 4200, message: 'Invalid message format' } };

describe('messages', () => {
  test('2.8 a ping is answered, a pong is not', async () => {
    const client = await openCore().connect();
    client.send(ping);
    client.send({ event: 'pusher:pong', data: {} });
    await settled();
    expect(client.socket.payloads.slice(1)).toEqual(['{"event":"pusher:pong","data":"{}"}']);
  });

  test('2.8 a pong is sent after every event that waits for the client', async () => {
    const site = openCore();
    const [client, other] = [await site.connect(), await site.connect()];
    for (const each of [client, other]) each.subscribe('orders');
    await settled();
    for (const each of [client, other]) each.take();
    const payload = '{"event":"news","channel":"orders","data":"{}"}';
    site.hub.deliver({ app: 'app-id', channel: 'orders' }, { payload });
    client.send(ping);
    await settled();
    expect(client.take().map(({ event }) => event)).toEqual(['news', 'pusher:pong']);
    expect(other.take().map(({ event }) => event)).toEqual(['news']);
  });

  test('2.8 a pong waits for the events that waited when the ping was read, and for no later ones', async () => {
    const site = openCore();
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    client.take();
    let count = 0;
    const publish = (): void => {
      count += 1;
      site.hub.deliver({ app: 'app-id', channel: 'orders' }, { payload: `{"event":"e${count}"}` });
    };
    publish();
    client.send(ping);
    for (let at = 0; at < 5; at += 1) {
      await settled(1);
      publish();
    }
    const received = client.take().map(({ event }) => event);
    expect(received.indexOf('pusher:pong')).toBeGreaterThan(received.indexOf('e1'));
    expect(received.indexOf('pusher:pong')).toBeLessThan(received.length - 1);
  });

  test.each([
    '',
    'x',
    '[]',
    '{}',
    '{"event":7}',
    '{"event":"pusher:nonsense"}',
    '{"event":"pusher:subscribe"}',
  ])('1.5 %j is answered with 4200, and the socket stays', async (message) => {
    const client = await openCore().connect();
    client.send(message);
    client.send(ping);
    await settled();
    expect(client.frames[1]).toEqual(INVALID);
    expect(client.eventNames[2]).toBe('pusher:pong');
    expect(client.socket.closed).toBeUndefined();
  });

  test.each(['hello', 'pusher_internal:subscription_succeeded', '__proto__', 'clientx'])(
    '1.6 %j is ignored and has no answer',
    async (event) => {
      const client = await openCore().connect();
      client.send({ event, data: '{}', channel: 'orders' });
      await settled();
      expect(client.frames).toHaveLength(1);
    },
  );

  test('2.11 a message at the limit is read, one byte more ends the connection with 1009 and no frame', async () => {
    const app = testApp({ limits: { messageBytes: 100 } });
    const client = await openCore({ apps: [app] }).connect();
    const sized = (bytes: number): string => JSON.stringify(ping).padEnd(bytes, ' ');
    client.send(sized(100));
    await settled();
    expect(client.eventNames).toEqual(['pusher:connection_established', 'pusher:pong']);
    client.send(sized(101));
    client.send(ping);
    await settled();
    expect(client.frames).toHaveLength(2);
    expect(client.socket.closed).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
  });

  test('2.11 bytes are counted, not characters', async () => {
    const client = await openCore({ apps: [testApp({ limits: { messageBytes: 40 } })] }).connect();
    client.send(JSON.stringify({ event: 'x', data: 'ü'.repeat(20) }));
    await settled();
    expect(client.socket.closed?.code).toBe(1009);
  });

  test('2.11 without a limit a message of any size is read', async () => {
    const client = await openCore({ apps: [testApp({ limits: { messageBytes: 0 } })] }).connect();
    client.send(JSON.stringify(ping).padEnd(1_000_000, ' '));
    await settled();
    expect(client.eventNames.at(-1)).toBe('pusher:pong');
  });
});

describe("message rate, Reverb's limiter", () => {
  const limited = (terminate = false) =>
    openCore({ apps: [testApp({ rateLimiting: { maxAttempts: 3, decaySeconds: 10, terminate } })] });
  const nothing = { event: 'nothing' };
  const OVER = { code: 4301, message: 'Rate limit exceeded' };

  test('2.12 n messages are taken, n + 1 is answered with 4301 and has no effect', async () => {
    const site = limited();
    const client = await site.connect();
    for (let at = 0; at < 3; at += 1) client.send(nothing);
    client.subscribe('orders');
    await settled();
    expect(client.frames.slice(2).map(dataOf)).toEqual([OVER]);
    expect(client.eventNames[1]).toBe('pusher:subscription_error orders');
    expect(client.socket.closed).toBeUndefined();
    expect(await site.stores.membership.channels('app-id', '')).toEqual(new Map());
    site.clock.pass(10_000);
    client.subscribe('orders');
    await settled();
    expect(client.eventNames.at(-1)).toBe('pusher_internal:subscription_succeeded orders');
  });

  test('2.8 pings and pongs neither count nor are refused', async () => {
    const client = await limited().connect();
    for (let at = 0; at < 20; at += 1) client.send(ping);
    for (let at = 0; at < 20; at += 1) client.send({ event: 'pusher:pong', data: {} });
    for (let at = 0; at < 4; at += 1) client.send(nothing);
    client.send(ping);
    await settled();
    expect(client.eventNames.filter((event) => event === 'pusher:pong')).toHaveLength(21);
    expect(client.eventNames.filter((event) => event === 'pusher:error')).toHaveLength(1);
  });

  test('2.12 a setting ends the connection: 4301 in the frame, 4100 in the close', async () => {
    const client = await limited(true).connect();
    for (let at = 0; at < 6; at += 1) client.send(nothing);
    await settled();
    expect(client.frames.slice(1).map(dataOf)).toEqual([OVER]);
    expect(client.socket.closed).toEqual({ code: 4100, reason: 'Rate limit exceeded' });
  });

  test('2.12 each socket has its own window', async () => {
    const site = limited();
    const [first, second] = [await site.connect(), await site.connect()];
    for (let at = 0; at < 4; at += 1) first.send(nothing);
    second.send(nothing);
    await settled();
    expect([first.frames.length, second.frames.length]).toEqual([2, 1]);
  });
});

describe('floods', () => {
  const guarded = (messagesPerSecond = 100) =>
    openCore({ apps: [testApp({ limits: { messagesPerSecond, messageBurst: 20 } })] });
  const subscribed = (client: Client): number =>
    client.eventNames.filter((event) => event.startsWith('pusher_internal:subscription_succeeded')).length;

  test('2.12 n messages at once are answered at once; from n + 1 on they wait, and none is lost or refused', async () => {
    const site = guarded();
    const client = await site.connect();
    for (let at = 0; at < 21; at += 1) client.subscribe(`c${at}`);
    await settled();
    expect(subscribed(client)).toBe(20);
    expect(site.refused()).toEqual({ message_rate: 1 });
    await waitFor(() => expect(subscribed(client)).toBe(21));
    for (let at = 0; at < 30; at += 1) client.subscribe(`d${at}`);
    await waitFor(() => expect(subscribed(client)).toBe(51));
    expect(client.eventNames).not.toContain('pusher:error');
    expect(client.socket.closed).toBeUndefined();
  });

  test('2.8 pings and pongs neither count nor are refused, however many there are', async () => {
    const client = await guarded().connect();
    for (let at = 0; at < 500; at += 1) client.send(ping);
    for (let at = 0; at < 500; at += 1) client.send({ event: 'pusher:pong', data: {} });
    for (let at = 0; at < 20; at += 1) client.subscribe(`c${at}`);
    await settled();
    expect(client.eventNames.filter((event) => event === 'pusher:pong')).toHaveLength(500);
    expect(subscribed(client)).toBe(20);
  });

  test('2.12 malformed messages wait like all others, and each is answered', async () => {
    const client = await guarded().connect();
    for (let at = 0; at < 40; at += 1) client.send('x');
    const answers = () => client.frames.slice(1).map(dataOf);
    await waitFor(() => expect(answers()).toHaveLength(40));
    expect(new Set(answers().map((each) => (each as { code: number }).code))).toEqual(new Set([4200]));
  });

  test('2.12 a slowed client that closes is removed at once, whatever messages wait', async () => {
    const site = guarded(1);
    const client = await site.connect();
    client.subscribe('presence-a', { user_id: '1' });
    for (let at = 0; at < 200; at += 1) client.subscribe(`c${at}`);
    await settled();
    expect(client.socket.readingStopped).toBe(true);
    client.close();
    await settled();
    expect(site.hub.size).toBe(0);
    expect([...(await site.stores.membership.channels('app-id', '')).keys()]).toEqual([]);
  });

  test('2.10 a client that is slowed down does not count as silent: the server does not read it', async () => {
    const site = guarded(1);
    const client = await site.connect();
    for (let at = 0; at < 200; at += 1) client.subscribe(`c${at}`);
    await settled();
    for (let second = 0; second < 200; second += 10) {
      site.clock.pass(10_000);
      site.liveness.sweep();
    }
    expect(client.socket.closed).toBeUndefined();
    // What is written to a peer that is gone fails.
    expect(client.socket.pings).toBeGreaterThan(1);
    client.close();
    await settled();
  });
});

describe('logger', () => {
  test('2.9 titles are Reverb’s, and everything has its socket', async () => {
    const site = openCore();
    const client = await site.connect();
    client.send(ping);
    await settled();
    client.session.alive();
    client.close(1000);
    await settled();
    expect(site.logger.debugs.map(({ title, subject }) => [title, subject === client.socketId])).toEqual([
      ['Connection Established', true],
      ['Message Received', true],
      ['Message Handled', true],
      ['Control Frame Received', true],
      ['Connection Closed', true],
    ]);
  });

  test('2.9 without debugging no log lines are built for messages', async () => {
    const site = openCore();
    site.logger.debugging = false;
    const client = await site.connect();
    client.subscribe('orders');
    await settled();
    site.hub.deliver({ app: 'app-id', channel: 'orders' }, { payload: '{}' });
    expect(site.logger.debugs.map(({ title }) => title)).toEqual(['Connection Established']);
  });
});
