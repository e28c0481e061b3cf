import { Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { range } from '../hostile-client.ts';
import { sleep } from '../../../src/core/util/time.ts';

const REQUEST = 'GET /up HTTP/1.1\r\nHost: a\r\n\r\n';
/** 2 MB: as much as one connection can deliver in one turn of the server's event loop. */
const REQUESTS_PER_WRITE = 70_000;
/** More than requests that wait as bytes can occupy. */
const RSS_GROWTH_MB = 100;

/** `sockets` clients send requests as fast as the server reads them, without waiting for answers, and disconnect. */
export const pipelinedRequests = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} floods of pipelined requests`,
  rssGrowthMb: RSS_GROWTH_MB,
  async run(target) {
    const clients = await Promise.all(range(sockets).map(() => Tcp.open(target)));
    // Reads and discards the answers.
    for (const { socket } of clients) socket.removeAllListeners('data').resume();
    const requests = REQUEST.repeat(REQUESTS_PER_WRITE);
    const until = Date.now() + seconds * 1000;
    while (Date.now() < until) {
      for (const tcp of clients) if (tcp.socket.writableLength < requests.length) tcp.write(requests);
      await sleep(5);
    }
    // Millions of requests wait in the buffers of both sides; the server has to discard them when the client disconnects.
    for (const tcp of clients) tcp.destroy();
    return undefined;
  },
});
