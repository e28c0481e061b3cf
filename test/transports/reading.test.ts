import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Socket } from '../../src/core/ports/transport.ts';
import { STOP_READING } from '../../src/core/client/reading.ts';
import { PeerReader } from '../../src/transports/peer.ts';
import { WebSocketTransport } from '../../src/transports/websocket.ts';
import { frameBytes, OPCODE, Tcp, textFrame } from '../support/wire-tcp.ts';
import { waitFor } from '../support/wait-for.ts';

const { queueFull, outboundFull, tooManyMessages } = STOP_READING;
const MESSAGE_BYTES = 70_000;
const FRAGMENTS = 8;
let http: Server;
let socket: Socket;
let tcp: Tcp;
const received: string[] = [];
const closed: number[] = [];

beforeEach(async () => {
  received.length = 0;
  closed.length = 0;
  http = createServer();
  const gateway = {
    opened(opened: Socket) {
      socket = opened;
      return {
        received: (message: Buffer) => void received.push(message.toString()),
        alive: () => undefined,
        closed: (code: number) => void closed.push(code),
      };
    },
  };
  const peers = new PeerReader([]);
  const limits = { messageBytes: MESSAGE_BYTES, fragmentsPerMessage: FRAGMENTS };
  const refusals = { count: () => undefined };
  const leaving = { maxLingering: 10, lingerMs: 5000 };
  new WebSocketTransport({
    gateway,
    unavailableFor: () => undefined,
    peers,
    prefix: '',
    refusals,
    ...limits,
    ...leaving,
  }).attach(http);
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  tcp = await Tcp.upgraded({ host: '127.0.0.1', port: (http.address() as AddressInfo).port }, '/app/key');
});

afterEach(async () => {
  tcp.destroy();
  await waitFor(() => expect(closed).toHaveLength(1));
  http.close();
});

/** A whole round of the network, both ways, so that what could have been read was read. */
async function roundTrip(): Promise<void> {
  socket.write(socket.encoder.encode('{}'));
  await tcp.message();
}

test('2.12 resumes reading a socket when the last of several reasons is taken back', async () => {
  for (const reason of [queueFull, outboundFull, tooManyMessages, queueFull]) socket.stopReading(reason);
  tcp.write(textFrame('waits'));
  for (const reason of [outboundFull, queueFull]) {
    socket.resumeReading(reason);
    await roundTrip();
    expect(socket.readingStopped).toBe(true);
    expect(received).toEqual([]);
  }
  socket.resumeReading(tooManyMessages);
  expect(socket.readingStopped).toBe(false);
  await waitFor(() => expect(received).toEqual(['waits']));
});

test('2.12 ignores taking back a reason that was not given', async () => {
  socket.resumeReading(outboundFull);
  socket.stopReading(queueFull);
  socket.resumeReading(outboundFull);
  tcp.write(textFrame('waits'));
  await roundTrip();
  expect(received).toEqual([]);
  socket.resumeReading(queueFull);
  await waitFor(() => expect(received).toEqual(['waits']));
});

test('2.12 resumes reading a socket for the answer to its close frame', async () => {
  socket.stopReading(tooManyMessages);
  socket.close(4200, 'again');
  socket.stopReading(queueFull);
  expect(socket.readingStopped).toBe(false);
  expect(await tcp.closing()).toEqual({ code: 4200, reason: 'again' });
});

test('2.11 accepts a message of an allowed size in more than 65,536 chunks', async () => {
  const text = 'm'.repeat(MESSAGE_BYTES);
  for (const byte of textFrame(text)) {
    tcp.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await waitFor(() => expect(received).toEqual([text]), 30_000);
}, 120_000);

test('2.11 accepts a message of n bytes, and closes with 1009 at n + 1', async () => {
  tcp.write(textFrame('m'.repeat(MESSAGE_BYTES)));
  await waitFor(() => expect(received).toHaveLength(1));
  tcp.write(textFrame('m'.repeat(MESSAGE_BYTES + 1)));
  expect(await tcp.closing()).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
});

test('2.11 accepts a message of n frames, and closes with 1008 at n + 1', async () => {
  const inFrames = (count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, at) =>
        frameBytes({
          opcode: at === 0 ? OPCODE.text : OPCODE.continuation,
          payload: 'm',
          fin: at === count - 1,
        }),
      ),
    );
  tcp.write(inFrames(FRAGMENTS));
  await waitFor(() => expect(received).toEqual(['m'.repeat(FRAGMENTS)]));
  tcp.write(inFrames(FRAGMENTS + 1));
  expect((await tcp.closing()).code).toBe(1008);
});
