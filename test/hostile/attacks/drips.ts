import { frameBytes, OPCODE, Tcp, upgradeText } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, range, socketPath } from '../hostile-client.ts';
import type { Target } from '../target.ts';
import { sleep } from '../../../src/core/util/time.ts';

const DRIP_EVERY_MS = 500;

/** Requests of which the second part is sent byte by byte. */
const REQUESTS: readonly ((target: Target) => readonly [begin: string, rest: string])[] = [
  (target) => ['', upgradeText(socketPath(target), { 'X-Slow': 'x'.repeat(2000) })],
  () => ['GET /up HTTP/1.1\r\nHost: a\r\nX-Slow: ', 'x'.repeat(2000)],
  ({ prefix, id }) => [
    `POST ${prefix}/apps/${id}/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n`,
    ' '.repeat(2000),
  ],
  ({ prefix, id }) => [
    `POST ${prefix}/apps/${id}/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`,
    '1\r\n \r\n'.repeat(400),
  ],
];

/**
 * `sockets` connections send one byte at a time: heads, bodies and chunks of requests, which time out even though bytes
 * keep arriving, and frames of connected clients, which stay connected.
 */
export const drips = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} connections that write byte by byte`,
  async run(target, _chance, faults) {
    const half = Math.ceil(sockets / 2);
    const requests = await Promise.all(range(half).map((at) => dripRequest(target, at)));
    const clients = await Promise.all(range(sockets - half).map(() => dripFrame(target)));
    await sleep(seconds * 1000);
    for (const { tcp, stop } of clients) {
      stop();
      if (tcp.isEnded) faults.push('a client that sends a frame byte by byte was disconnected');
      tcp.destroy();
    }
    return () => {
      for (const { tcp, stop } of requests) {
        stop();
        tcp.destroy();
      }
    };
  },
});

interface Drip {
  readonly tcp: Tcp;
  readonly stop: () => void;
}

async function dripRequest(target: Target, at: number): Promise<Drip> {
  const tcp = await Tcp.open(target);
  // Keeps its side of the connection open when the server closes the other.
  tcp.socket.removeAllListeners('end');
  const [begin, rest] = REQUESTS[at % REQUESTS.length]!(target);
  tcp.write(begin);
  return drip(tcp, Buffer.from(rest));
}

async function dripFrame(target: Target): Promise<Drip> {
  const { tcp } = await connectHostileClient(target);
  return drip(tcp, frameBytes({ opcode: OPCODE.text, payload: 'x'.repeat(9000) }));
}

function drip(tcp: Tcp, bytes: Buffer): Drip {
  let at = 0;
  const timer = setInterval(() => {
    if (at < bytes.length) tcp.write(bytes.subarray(at, (at += 1)));
  }, DRIP_EVERY_MS);
  return { tcp, stop: () => clearInterval(timer) };
}
