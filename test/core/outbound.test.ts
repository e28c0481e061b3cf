import { beforeEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/core/client/connection.ts';
import { Outbound } from '../../src/core/client/outbound.ts';
import { Refusals } from '../../src/core/refusals/refusals.ts';
import { FakeLogger, FakeSocket, openCore, settled, testConnection } from './fakes.ts';

const limits = { softBytes: 1000, hardBytes: 10_000 };
let logger: FakeLogger;
let socket: FakeSocket;
let connection: Connection;

beforeEach(() => {
  logger = new FakeLogger();
  socket = new FakeSocket();
  connection = testConnection({ socket, outbound: new Outbound(limits, new Refusals(logger, Date.now)) });
});

describe('unsent data of one client', () => {
  test('2.16 a client at the soft limit is read, above it is not', () => {
    socket.bufferedBytes = limits.softBytes;
    connection.send('{}');
    expect([connection.isSlowReader, socket.readingStopped]).toEqual([false, false]);
    socket.bufferedBytes = limits.softBytes + 1;
    connection.send('{}');
    expect([connection.isSlowReader, socket.readingStopped, socket.ended]).toEqual([true, true, false]);
  });

  test('2.16 it is read again as soon as no more than the soft limit is left', () => {
    socket.bufferedBytes = 5 * limits.softBytes;
    connection.send('{}');
    socket.flushTo(limits.softBytes + 1);
    expect([connection.isSlowReader, socket.readingStopped]).toEqual([true, true]);
    socket.flushTo(limits.softBytes);
    expect([connection.isSlowReader, socket.readingStopped]).toEqual([false, false]);
  });

  test('2.16 a client at the hard limit stays connected, above it is ended, and counted once', () => {
    socket.bufferedBytes = limits.hardBytes;
    connection.send('{}');
    expect(socket.ended).toBe(false);
    socket.bufferedBytes = limits.hardBytes + 1;
    for (let at = 0; at < 3; at += 1) connection.send('{}');
    expect([socket.terminated, socket.payloads]).toEqual([true, ['{}', '{}']]);
    expect(logger.warnings).toHaveLength(1);
    expect(logger.warnings[0]?.details).toMatchObject({ reason: 'slow_reader', bufferedBytes: 10_001 });
  });

  test('2.16 the largest frame among what waits is beyond the hard limit', () => {
    socket.largestFrameBytes = 5_000_000;
    socket.bufferedBytes = 5_000_000 + limits.hardBytes;
    connection.send('{}');
    expect(socket.ended).toBe(false);
    socket.bufferedBytes += 1;
    connection.send('{}');
    expect(socket.terminated).toBe(true);
  });

  test('2.16 a hard limit below the soft one counts as well', () => {
    const small = new Outbound({ softBytes: 1000, hardBytes: 10 }, new Refusals(logger, Date.now));
    connection = testConnection({ socketId: '1.2', socket, outbound: small });
    socket.bufferedBytes = 10;
    connection.send('{}');
    expect(socket.ended).toBe(false);
    socket.bufferedBytes = 11;
    connection.send('{}');
    expect(socket.terminated).toBe(true);
  });
});

describe('a client that does not take its answers', () => {
  test('2.16 is answered when it has taken enough, in the order in which it asked', async () => {
    const { connect } = openCore();
    const client = await connect();
    client.take();
    client.socket.bufferedBytes = limits.softBytes + 1;
    client.send({ event: 'pusher:ping', data: {} });
    for (const channel of ['a', 'b']) client.subscribe(channel);
    await settled();
    expect(client.take().map(({ event }) => event)).toEqual(['pusher:pong']);
    client.socket.flushTo(0);
    await settled();
    expect(client.eventNames.slice(2)).toEqual([
      'pusher_internal:subscription_succeeded a',
      'pusher_internal:subscription_succeeded b',
    ]);
    expect(client.socket.readingStopped).toBe(false);
  });

  test('2.15 is removed as soon as it closes, whatever data waits', async () => {
    const { connect, hub } = openCore();
    const client = await connect();
    client.socket.bufferedBytes = limits.softBytes + 1;
    client.send({ event: 'pusher:ping', data: {} });
    client.subscribe('a');
    client.close();
    await settled();
    expect(hub.size).toBe(0);
    expect(client.eventNames.slice(2)).toEqual([]);
  });

  test('2.16 is ended by any frame for it: the changes of watched users', async () => {
    const { connect, users, clock, refused } = openCore();
    const watcher = await connect();
    watcher.signin({ id: 'watcher', watchlist: ['friend'] });
    await settled();
    watcher.socket.bufferedBytes = limits.hardBytes + 1;
    const friend = await connect();
    friend.signin({ id: 'friend' });
    await settled();
    clock.pass(10_000);
    users.tick();
    await settled();
    expect(watcher.socket.terminated).toBe(true);
    expect(refused()).toEqual({ slow_reader: 1 });
  });
});
