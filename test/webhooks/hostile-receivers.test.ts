/** Receivers that answer too much, too slowly, wrongly or not at all. Each is retried and does no harm. */
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { deliver, endpointOf, receiverWith, record } from './deliver.ts';
import { startRawReceiver } from './raw-receiver.ts';
import type { Answer } from './receiver.ts';
import { waitFor } from '../support/wait-for.ts';

const HOSTILE: readonly (readonly [title: string, answer: Answer])[] = [
  ['never answers', () => {}],
  ['closes without an answer', (response) => response.destroy()],
  [
    'closes in the middle of an answer',
    (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    },
  ],
  [
    'trickles',
    (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('.'), 20);
      response.on('close', () => clearInterval(timer));
    },
  ],
  ['redirects to itself', (response) => response.writeHead(302, { location: '/hook' }).end()],
];

test.each(HOSTILE)('9.6 a receiver that %s is retried, and does no harm', async (_, answer) => {
  const receiver = await receiverWith((response, received, count) =>
    count === 1 ? answer(response, received, count) : response.writeHead(200).end(),
  );
  const { outbox } = deliver([endpointOf('a', receiver.url)], { timeoutMs: 200 });
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  expect(receiver.requests).toHaveLength(2);
});

test('9.9 of an answer of 1 GB 64 kB are read, and its connection ends', async () => {
  let written = 0;
  let isClosed = false;
  const receiver = await receiverWith((response) => {
    response.writeHead(200, { 'content-length': String(2 ** 30) });
    const chunk = Buffer.alloc(64 * 1024);
    const write = (): void => {
      while (!isClosed && written < 2 ** 30) {
        written += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
    };
    response.on('close', () => (isClosed = true));
    write();
  });
  const { outbox } = deliver([endpointOf('a', receiver.url)]);
  await outbox.add(record('a'));
  await waitFor(() => expect([outbox.doneOf('a').length, isClosed]).toEqual([1, true]));
  expect(written).toBeLessThan(64 * 2 ** 20);
});

/** Writes a text again and again until the connection ends. */
const repeat = (socket: Socket, text: string, everyMs: number): void => {
  const timer = setInterval(() => socket.write(text), everyMs);
  socket.on('close', () => clearInterval(timer));
};

const RAW: readonly (readonly [title: string, first: (socket: Socket) => void, reason: RegExp])[] = [
  [
    'speaks another protocol',
    (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'),
    /^Response does not match the HTTP/,
  ],
  [
    'answers garbage',
    (socket) => socket.on('data', () => socket.write(Buffer.from([0, 255, 1, 2, 13, 10]))),
    /^Response does not match the HTTP/,
  ],
  [
    'trickles its headers',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-A: ');
      repeat(socket, 'a', 20);
    },
    /^no complete answer in 300 ms$/,
  ],
  [
    'has endless headers',
    (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nX-A: ');
      repeat(socket, 'a'.repeat(64 * 1024), 1);
    },
    /OVERFLOW/,
  ],
  [
    'has endless early hints',
    (socket) => repeat(socket, 'HTTP/1.1 103 Early Hints\r\n\r\n', 20),
    /^(no complete answer in 300 ms|UND_ERR_\w+|HPE_\w+)$/,
  ],
  [
    'wants to speak another protocol',
    (socket) =>
      socket.on('data', () =>
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      ),
    /^UND_ERR_SOCKET$/,
  ],
  [
    'closes when it has the headers of its answer',
    (socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n')),
    /^UND_ERR_SOCKET$/,
  ],
  ['closes at once', (socket) => void socket.destroy(), /^(UND_ERR_SOCKET|ECONNRESET|EPIPE)$/],
];

test.each(RAW)('9.6 a receiver that %s is retried, with a reason', async (_, first, reason) => {
  const { url, sockets } = await startRawReceiver(first);
  const { outbox, webhooks } = deliver([endpointOf('a', url)], { timeoutMs: 300 });
  await outbox.add(record('a'));
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  const report = (await webhooks.list())[0]!;
  expect(report).toMatchObject({ failed: 1, sent: 1, lastReason: expect.stringMatching(reason) });
  await waitFor(() => expect(sockets[0]!.destroyed).toBe(true));
});

test.each([
  ['in HTTP/1.0', 'HTTP/1.0 204 No Content\r\n\r\n'],
  ['without a length', 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok'],
])('9.6 an answer %s is an answer', async (_, answer) => {
  const { url } = await startRawReceiver((socket) => socket.on('data', () => socket.end(answer)));
  const { webhooks } = deliver([endpointOf('a', url)]);
  expect(await webhooks.test('a')).toMatchObject({ isDelivered: true });
});

test('9.6 an answer that comes before the body was read counts', async () => {
  const { url, sockets } = await startRawReceiver((socket) => {
    socket.once('data', () => {
      socket.pause();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    });
  });
  const { outbox, webhooks } = deliver([endpointOf('a', url)]);
  const data = 'x'.repeat(8 * 2 ** 20);
  await outbox.add(record('private-a', 'client_event', { event: 'client-a', data, socket_id: '1.1' }));
  await waitFor(() => expect(outbox.doneOf('a')).toEqual(['id-1']));
  expect(await webhooks.list()).toMatchObject([{ sent: 1 }]);
  expect(sockets.length).toBeLessThanOrEqual(2);
});

test.each([
  ['64 kB is waited for to its end', 65_536, { isDelivered: false, reason: 'no complete answer in 300 ms' }],
  ['64 kB and 1 byte is not read further: its status counts', 65_537, { isDelivered: true, status: 200 }],
])('9.9 an answer of %s', async (_, bytes, result) => {
  let isClosed = false;
  const receiver = await receiverWith((response) => {
    response.writeHead(200).write(Buffer.alloc(bytes));
    response.on('close', () => (isClosed = true));
  });
  const { webhooks } = deliver([endpointOf('a', receiver.url)], { timeoutMs: 300 });
  expect(await webhooks.test('a')).toMatchObject(result);
  await waitFor(() => expect(isClosed).toBe(true));
});

test('9.9 after an answer of 64 kB its connection is used again', async () => {
  const receiver = await receiverWith((response) => response.writeHead(200).end(Buffer.alloc(65_536)));
  const { webhooks } = deliver([endpointOf('a', receiver.url)], { maxInFlight: 1 });
  for (let at = 0; at < 2; at += 1) expect(await webhooks.test('a')).toMatchObject({ isDelivered: true });
  expect(receiver.connections).toBe(1);
});
