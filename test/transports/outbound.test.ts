/** The limits of what waits for one client, on real sockets that do not read. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket as NetSocket } from 'node:net';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/core/client/connection.ts';
import { Outbound, type OutboundLimits } from '../../src/core/client/outbound.ts';
import { PeerReader } from '../../src/transports/peer.ts';
import { WebSocketTransport } from '../../src/transports/websocket.ts';
import { temporaryFolder } from '../cli/command.ts';
import { testConnection } from '../core/fakes.ts';
import { frameBytes, OPCODE, upgradeText } from '../support/wire-tcp.ts';
import { makeCertificate } from './certificate.ts';
import { sleep } from '../../src/core/util/time.ts';
import { waitFor } from '../support/wait-for.ts';

/** Each look lets the client read once more. */
/** More than the kernel takes at once on both sides of a loopback. */
const LARGE = Buffer.alloc(16_000_000);

let http: Server | undefined;
let client: NetSocket | undefined;
afterEach(() => {
  client?.destroy();
  http?.close();
});

/** A connection whose client does not read. */
async function open(limits: OutboundLimits, isSecure: boolean): Promise<Connection> {
  const folder = temporaryFolder();
  const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
  if (isSecure) makeCertificate(files, 'outbound');
  http = isSecure
    ? createSecureServer({ cert: readFileSync(files.cert), key: readFileSync(files.key) })
    : createServer();
  const refusals = { count: () => undefined };
  let connection: Connection | undefined;
  new WebSocketTransport({
    gateway: {
      opened(socket) {
        connection = testConnection({ socket, outbound: new Outbound(limits, refusals) });
        return { received: () => undefined, alive: () => undefined, closed: () => undefined };
      },
    },
    unavailableFor: () => undefined,
    peers: new PeerReader([]),
    prefix: '',
    messageBytes: 1000,
    fragmentsPerMessage: 8,
    maxLingering: 10,
    lingerMs: 5000,
    refusals,
  }).attach(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  client = isSecure ? connectTls({ port, rejectUnauthorized: false }) : connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  client.write(upgradeText('/app/key'));
  await waitFor(() => expect(connection).toBeDefined());
  await once(client, 'readable');
  client.read();
  // The answer to the upgrade counts as unsent until the kernel has taken it.
  await waitFor(() => expect(connection!.socket.bufferedBytes).toBe(0));
  return connection as unknown as Connection;
}

describe.each([
  ['without TLS', false],
  ['over TLS', true],
])('%s', (_name, isSecure) => {
  test('2.16 reads a client with n unsent bytes, stops at n + 1, and resumes once they are flushed', async () => {
    const softBytes = LARGE.length + 1000;
    const connection = await open({ softBytes, hardBytes: 1_000_000_000 }, isSecure);
    connection.write(LARGE);
    connection.write(Buffer.alloc(1000));
    expect([connection.socket.bufferedBytes, connection.isSlowReader]).toEqual([softBytes, false]);
    connection.write(Buffer.alloc(1));
    expect([connection.isSlowReader, connection.socket.readingStopped]).toEqual([true, true]);
    client!.resume();
    await waitFor(() => expect(connection.isSlowReader).toBe(false), 20_000);
    expect(connection.socket.readingStopped).toBe(false);
  }, 60_000);

  test('2.16 resumes reading at n unsent bytes, while more is written all the time', async () => {
    const connection = await open({ softBytes: 1_000_000, hardBytes: 1_000_000_000 }, isSecure);
    connection.write(LARGE);
    const writing = setInterval(() => connection.write(Buffer.alloc(100)), 1);
    client!.resume();
    await waitFor(() => expect(connection.isSlowReader).toBe(false), 20_000);
    clearInterval(writing);
  }, 60_000);

  test('2.16 counts flushed bytes of a large frame before all of it is flushed', async () => {
    const { socket, ...connection } = await open({ softBytes: 1000, hardBytes: 1_000_000_000 }, isSecure);
    expect(connection.closing).toBe(false);
    socket.write(LARGE);
    let before = -Infinity;
    for (let portion = 0; portion < 5; portion += 1) {
      await waitFor(() => {
        while (client!.read() !== null);
        expect(socket.flushedBytes).toBeGreaterThan(before);
      });
      before = socket.flushedBytes;
      expect(socket.bufferedBytes).toBe(LARGE.length);
    }
  }, 60_000);
});

test('2.16 keeps a client with n bytes beyond the largest frame, and disconnects it at n + 1', async () => {
  const connection = await open({ softBytes: 1000, hardBytes: 100_000 }, false);
  connection.write(LARGE);
  connection.write(Buffer.alloc(60_000));
  connection.write(Buffer.alloc(40_000));
  expect([connection.socket.bytesBeyondLargestFrame, connection.closing]).toEqual([100_000, false]);
  connection.write(Buffer.alloc(1));
  expect(connection.closing).toBe(true);
  await waitFor(() => {
    client!.read();
    expect(client!.destroyed || client!.readableEnded).toBe(true);
  });
}, 60_000);

test('2.16 tracks a large frame that follows another large one', async () => {
  const connection = await open({ softBytes: 1000, hardBytes: 9_000_000 }, false);
  connection.write(LARGE);
  connection.write(Buffer.alloc(8_000_000));
  expect(connection.socket.bytesBeyondLargestFrame).toBe(8_000_000);
  let read = 0;
  await waitFor(() => {
    for (let part = client!.read() as Buffer | null; part !== null; part = client!.read() as Buffer | null)
      read += part.length;
    expect(connection.socket.flushedBytes).toBeGreaterThan(LARGE.length + 1000);
  });
  expect(read).toBeGreaterThan(0);
  expect(connection.socket.bytesBeyondLargestFrame).toBe(0);
}, 60_000);

test('2.9 answers only the newest ping of a client that does not read', async () => {
  const connection = await open({ softBytes: 1_000_000_000, hardBytes: 1_000_000_000 }, false);
  connection.write(LARGE);
  for (let number = 1; number <= 100; number += 1)
    client!.write(frameBytes({ opcode: OPCODE.ping, payload: `ping-${number}` }));
  await sleep(500);
  const parts: Buffer[] = [];
  client!.on('data', (part: Buffer) => parts.push(part.subarray(-2000)));
  const pongs = (): string[] =>
    Buffer.concat(parts)
      .toString('latin1')
      .match(/ping-\d+/g) ?? [];
  await waitFor(() => expect(pongs()).toEqual(['ping-100']), 20_000);
  client!.write(frameBytes({ opcode: OPCODE.ping, payload: 'ping-101' }));
  await waitFor(() => expect(pongs()).toEqual(['ping-100', 'ping-101']));
}, 60_000);
