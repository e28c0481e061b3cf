import { Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { pause, range } from '../page-visitor.ts';

const REQUEST = 'GET /up HTTP/1.1\r\nHost: a\r\n\r\n';
/** 2 MB: as much as one connection can bring in one turn of the server's event loop. */
const REQUESTS_PER_WRITE = 70_000;
/** More growth than requests that wait as bytes can bring. */
const RSS_GROWTH_MB = 100;

/** `sockets` clients write requests as fast as the server takes them without waiting for answers, which they read. */
export const pipelinedRequests = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that send 70,000 requests at once`,
  rssGrowthMb: RSS_GROWTH_MB,
  async run(target) {
    const clients = await Promise.all(range(sockets).map(() => Tcp.open(target)));
    // Answers are taken and dropped.
    for (const { socket } of clients) socket.removeAllListeners('data').resume();
    const requests = REQUEST.repeat(REQUESTS_PER_WRITE);
    const until = Date.now() + seconds * 1000;
    while (Date.now() < until) {
      for (const tcp of clients) if (tcp.socket.writableLength < requests.length) tcp.write(requests);
      await pause(5);
    }
    return () => clients.forEach((tcp) => tcp.destroy());
  },
});
