import { Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { range } from '../hostile-client.ts';
import { sleep } from '../../../src/core/util/time.ts';

const REQUEST = 'GET /up HTTP/1.1\r\nHost: a\r\n\r\n';
const REQUESTS_PER_WRITE = 500;

/** `sockets` clients send requests as fast as the server reads them, read no answer, and keep their sockets open. */
export const unreadHttp = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that send requests and read no answer`,
  async run(target) {
    const clients = await Promise.all(range(sockets).map(() => Tcp.open(target)));
    for (const { socket } of clients) socket.removeAllListeners('end').pause();
    const requests = REQUEST.repeat(REQUESTS_PER_WRITE);
    const until = Date.now() + seconds * 1000;
    while (Date.now() < until) {
      for (const tcp of clients) if (tcp.socket.writableLength < 100_000) tcp.write(requests);
      await sleep(5);
    }
    return () => clients.forEach((tcp) => tcp.destroy());
  },
});
