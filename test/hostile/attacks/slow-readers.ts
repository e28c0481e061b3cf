import { publisher } from '../../support/wire-http.ts';
import { type Tcp, textFrame } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient } from '../hostile-client.ts';
import type { Target } from '../target.ts';
import { sleep } from '../../../src/core/util/time.ts';

const CHANNEL = 'slow-news';
const EVENT_BYTES = 9_000;

/** `sockets` clients read a few bytes at a time from a busy channel; a client that reads normally receives every event. */
export const slowReaders = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} slow readers of a busy channel`,
  async run(target, _chance, faults) {
    const normal = await subscriber(target);
    const slow = await Promise.all(Array.from({ length: sockets }, () => subscriber(target)));
    const reading = slow.map(({ socket }) => readSlowly(socket));
    const published = await publishFor(target, seconds);
    const received = await count(normal, published);
    if (received < published) faults.push(`the normal reader received ${received} of ${published} events`);
    for (const timer of reading) clearInterval(timer);
    for (const tcp of [normal, ...slow]) tcp.destroy();
    return undefined;
  },
});

async function subscriber(target: Target): Promise<Tcp> {
  const { tcp } = await connectHostileClient(target);
  tcp.write(textFrame({ event: 'pusher:subscribe', data: { channel: CHANNEL } }));
  await tcp.message();
  return tcp;
}

/** Reads about 20 kB per second. */
function readSlowly(socket: Tcp['socket']): NodeJS.Timeout {
  socket.removeAllListeners('data').pause();
  return setInterval(() => void socket.read(2_000), 100);
}

async function publishFor(target: Target, seconds: number): Promise<number> {
  const until = Date.now() + seconds * 1000;
  let published = 0;
  while (Date.now() < until) {
    const body = { name: 'news', channel: CHANNEL, data: 'x'.repeat(EVENT_BYTES) };
    const { status } = await publisher(target).post('/events', body);
    if (status === 200) published += 1;
    await sleep(10);
  }
  return published;
}

async function count(tcp: Tcp, expected: number): Promise<number> {
  for (let received = 0; received < expected; received += 1) {
    const message = await tcp.message(5_000).catch(() => undefined);
    if (message === undefined) return received;
  }
  return expected;
}
