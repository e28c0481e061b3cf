import { Worker } from 'node:worker_threads';

/**
 * Clients in a worker thread, so that the heap of the test contains only the server. Each upgrades with headers and a
 * query that contain the marker, subscribes to one channel, and then sends nothing.
 */
const CLIENTS = `
const { connect } = require('node:net');
const { parentPort, workerData } = require('node:worker_threads');
const { port, count, marker, path } = workerData;
const mask = (text) => {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
};
const subscribe = mask(JSON.stringify({ event: 'pusher:subscribe', data: { channel: 'idle' } }));
const sockets = [];
let ready = 0;
const open = (number) => {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let isSubscribing = false;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (!isSubscribing && text.includes('connection_established')) {
      isSubscribing = true;
      socket.write(subscribe);
    }
    if (text.includes('subscription_succeeded')) {
      text = '';
      ready += 1;
      if (ready === count) parentPort.postMessage('ready');
    }
  });
  socket.on('error', () => undefined);
  socket.write(['GET ' + path + '?protocol=7&' + marker + '=query-' + number + ' HTTP/1.1', 'Host: ' + marker + '-host-' + number,
    'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Origin: http://' + marker + '-origin-' + number, 'User-Agent: ' + marker + '-agent-' + number, '', ''].join('\\r\\n'));
  sockets.push(socket);
};
for (let number = 0; number < count; number += 1) open(number);
parentPort.on('message', () => {
  for (const socket of sockets) socket.destroy();
  parentPort.close();
});
`;

export interface IdleClients {
  close(): Promise<void>;
}

export async function openIdleClients(options: {
  port: number;
  count: number;
  marker: string;
  path: string;
}): Promise<IdleClients> {
  const worker = new Worker(CLIENTS, { eval: true, workerData: options });
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the clients ended before they were ready')));
  });
  return {
    async close() {
      worker.postMessage('close');
      await exited;
    },
  };
}
