/** Memory of an idle socket: one server in this process, its heap read before, while and after many clients are idle. */
import { expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import type { Logger } from '../../src/core/ports/logger.ts';
import { startServer } from '../../src/server/index.ts';
import { eventually } from '../support/wire.ts';
import { readHeap } from './heap-snapshot.ts';
import { openIdleClients } from './idle-clients.ts';

const SOCKETS = 2000;
/** For each socket: two bound functions of Node's streams and one closure of `ws`. */
const CLOSURES_NOT_OURS = 3;
const SHARED_CLOSURES = 500;
/** Node's own pool of HTTP parsers holds 1,000 at most. */
const POOLED_PARSERS = 1000 + 50;

const silent: Logger = {
  debugging: false,
  debug: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

test('2.9 an idle socket keeps its own few objects in memory, and nothing of its request', async () => {
  const config = readConfig({ REVERB_SERVER_HOST: '127.0.0.1', REVERB_SERVER_PORT: '0' });
  const server = await startServer(config, silent);
  const before = await readHeap();
  // Joined here: as a literal, the source of this file would be found in the heap.
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
  for (const gone of ['IncomingMessage', 'ServerResponse', 'URLSearchParams', 'ChannelEvent', 'Timeout']) {
    const kept = idle.count(gone) - before.count(gone);
    expect([gone, kept < SOCKETS / 20]).toEqual([gone, true]);
  }
  expect(idle.count('IncomingMessage')).toBe(before.count('IncomingMessage'));
  expect(idle.count('ServerResponse')).toBe(before.count('ServerResponse'));
  expect(idle.count('HTTPParser')).toBeLessThanOrEqual(before.count('HTTPParser') + POOLED_PARSERS);
  expect(idle.textsWith(`${marker}-`)).toEqual([]);
  expect(idle.textsWith(`${marker}=`)).toEqual([]);
  expect(idle.closures - before.closures).toBeLessThan(CLOSURES_NOT_OURS * SOCKETS + SHARED_CLOSURES);

  await clients.close();
  await eventually(() => server.connections() === 0, 'the end of all connections', 20_000);
  const empty = await readHeap();
  for (const own of ['ServerWebSocket', 'ClientSession', 'Connection', 'Subscription', 'LocalChannel']) {
    expect([own, empty.count(own)]).toEqual([own, 0]);
  }
  expect(empty.closures - before.closures).toBeLessThan(SHARED_CLOSURES);
  await server.stop();
}, 120_000);

test('2.9 the heap reader finds objects, closures and texts that are there', async () => {
  class Needle {
    // Decoded from bytes, as a request is: V8 holds it as one flat string.
    readonly text = Buffer.from(['needle', 'of', 'text', process.pid].join('-')).toString('latin1');
    readonly look = () => this.text;
  }
  const before = await readHeap();
  const kept = Array.from({ length: 700 }, () => new Needle());
  const heap = await readHeap();
  expect(heap.count('Needle')).toBe(700);
  expect(heap.closures - before.closures).toBeGreaterThanOrEqual(700);
  expect(heap.textsWith(['needle', 'of', 'text'].join('-') + '-')).toContain(kept[0]?.look());
}, 60_000);
