import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';

/** Answers 200 to what has arrived, each time something arrives. */
const answerOk = (socket: Socket): void => void socket.on('data', () => socket.write(OK));

/** TCP server with a behaviour of a test for its first connection; further ones answer 200. Closed after the test. */
export async function startRawReceiver(first: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    sockets.push(socket);
    // Without a reader the end of the connection would not be noticed.
    socket.resume();
    if (sockets.length === 1) first(socket);
    else answerOk(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { sockets, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
}
