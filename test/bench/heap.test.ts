/** Memory of an idle socket: reads the heap of a server in this process before, during and after many idle connections. */
import { expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import type { Logger } from '../../src/core/ports/logger.ts';
import { startServer } from '../../src/server/index.ts';
import { eventually } from '../support/wire.ts';
import { readHeap } from './heap-snapshot.ts';
import { openIdleClients } from './idle-clients.ts';

const SOCKETS = 2000;
/** Closures of other code for each socket: two bound functions of Node's streams and one closure of `ws`. */
const FOREIGN_CLOSURES = 3;
const SHARED_CLOSURES = 500;
/** Node's pool of HTTP parsers holds 1,000 at most. */
const POOLED_PARSERS = 1000 + 50;

const noLogger: Logger = {
  debugging: false,
  debug: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

test('2.9 an idle socket keeps only its own few objects in memory, and nothing of its request', async () => {
  const config = readConfig({ REVERB_SERVER_HOST: '127.0.0.1', REVERB_SERVER_PORT: '0' });
  const server = await startServer(config, noLogger);
  const before = await readHeap();
  // Joined at run time: a literal would be in the heap as part of this file's source.
  const marker = ['find', 'me', 'again'].join('-');
  const clients = await openIdleClients({
    port: server.port,
    count: SOCKETS,
    marker,
    path: '/app/app-key',
  });
  expect(server.connections()).toBe(SOCKETS);

  const idle = await readHeap();
  for (const own of ['ServerWebSocket', 'ClientSession', 'Connection', 'Subscription']) {
    expect([own, idle.count(own)]).toEqual([own, SOCKETS]);
  }
  expect(idle.count('Socket') - before.count('Socket')).toBe(SOCKETS);
  expect(idle.count('LocalChannel')).toBe(1);
  for (const name of ['IncomingMessage', 'ServerResponse', 'URLSearchParams', 'ChannelEvent', 'Timeout']) {
    const kept = idle.count(name) - before.count(name);
    expect([name, kept < SOCKETS / 20]).toEqual([name, true]);
  }
  expect(idle.count('IncomingMessage')).toBe(before.count('IncomingMessage'));
  expect(idle.count('ServerResponse')).toBe(before.count('ServerResponse'));
  expect(idle.count('HTTPParser')).toBeLessThanOrEqual(before.count('HTTPParser') + POOLED_PARSERS);
  expect(idle.textsWith(`${marker}-`)).toEqual([]);
  expect(idle.textsWith(`${marker}=`)).toEqual([]);
  expect(idle.closures - before.closures).toBeLessThan(FOREIGN_CLOSURES * SOCKETS + SHARED_CLOSURES);

  await clients.close();
  await eventually(() => server.connections() === 0, 'all connections are closed', 20_000);
  const empty = await readHeap();
  for (const own of ['ServerWebSocket', 'ClientSession', 'Connection', 'Subscription', 'LocalChannel']) {
    expect([own, empty.count(own)]).toEqual([own, 0]);
  }
  expect(empty.closures - before.closures).toBeLessThan(SHARED_CLOSURES);
  await server.stop();
}, 120_000);

test('2.9 the heap reader finds objects, closures and strings', async () => {
  class Needle {
    // Decoded from bytes as a request is, so that V8 holds it as one flat string.
    readonly text = Buffer.from(['needle', 'of', 'text', process.pid].join('-')).toString('latin1');
    readonly read = () => this.text;
  }
  const before = await readHeap();
  const kept = Array.from({ length: 700 }, () => new Needle());
  const heap = await readHeap();
  expect(heap.count('Needle')).toBe(700);
  expect(heap.closures - before.closures).toBeGreaterThanOrEqual(700);
  expect(heap.textsWith(['needle', 'of', 'text'].join('-') + '-')).toContain(kept[0]?.read());
}, 60_000);
