import { channelAuth } from '../../support/wire-http.ts';
import { frameBytes, OPCODE, textFrame } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, type HostileClient, range } from '../hostile-client.ts';
import type { Target } from '../target.ts';
import { sleep } from '../../../src/core/util/time.ts';

const PINGS_PER_WRITE = 500;
const MEMBER_INFO_BYTES = 1_500;

/** `sockets` clients send pings as fast as possible for `seconds`, and read no answer. */
export const unreadPongs = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that send pings and do not read`,
  async run(target) {
    const pings = Buffer.concat(
      Array.from({ length: PINGS_PER_WRITE }, (_, index) =>
        index % 5 === 0 ? frameBytes({ opcode: OPCODE.ping, payload: 'x'.repeat(100) }) : textFrame(PING),
      ),
    );
    return flood(await Promise.all(range(sockets).map(() => nonReader(target))), seconds, () => pings);
  },
});

/** A presence channel with large members; `sockets` more clients keep subscribing to it and do not read its roster. */
export const unreadRosters = (members: number, sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that keep subscribing to a channel of ${members} members and do not read`,
  async run(target) {
    const present = await Promise.all(range(members).map((index) => member(target, `member-${index}`)));
    const nonReaders = await Promise.all(range(sockets).map(() => nonReader(target)));
    const subscriptions = nonReaders.map(({ socketId }, index) =>
      subscribe(target, socketId, `non-reader-${index}`),
    );
    const release = await flood(nonReaders, seconds, (index) => subscriptions[index] as Buffer);
    for (const { tcp } of present) tcp.destroy();
    return release;
  },
});

const PING = '{"event":"pusher:ping","data":{}}';

async function nonReader(target: Target): Promise<HostileClient> {
  const client = await connectHostileClient(target);
  client.tcp.socket.pause();
  return client;
}

async function member(target: Target, id: string): Promise<HostileClient> {
  const client = await connectHostileClient(target);
  client.tcp.write(subscribe(target, client.socketId, id));
  client.tcp.socket.removeAllListeners('data').resume();
  return client;
}

function subscribe(target: Target, socketId: string, id: string): Buffer {
  const channel = 'presence-crowd';
  const channelData = JSON.stringify({ user_id: id, user_info: { pad: 'x'.repeat(MEMBER_INFO_BYTES) } });
  const auth = channelAuth(target, socketId, channel, channelData);
  return textFrame({ event: 'pusher:subscribe', data: { channel, auth, channel_data: channelData } });
}

/** Writes as fast as the server reads, without buffering more here. */
async function flood(
  clients: readonly HostileClient[],
  seconds: number,
  bytesFor: (index: number) => Buffer,
): Promise<() => void> {
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until) {
    clients.forEach(({ tcp }, index) => {
      if (tcp.socket.writableLength < 100_000) tcp.write(bytesFor(index));
    });
    await sleep(5);
  }
  // Disconnects the clients; the server would disconnect clients that never read too, but later.
  for (const { tcp } of clients) tcp.destroy();
  return () => undefined;
}
