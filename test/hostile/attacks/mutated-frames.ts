import { SeededRandom } from '../../support/seeded-random.ts';
import { channelAuth, userAuth } from '../../support/wire-http.ts';
import { frameBytes, OPCODE, Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { mutateBytes, mutateJson } from '../mutate.ts';
import type { Target } from '../target.ts';

const LOOPS = 8;
const FRAMES_PER_SOCKET = 100;
const PONG_TIMEOUT_MS = 20_000;
const INTERNAL_ERROR = 1011;

/** `count` almost valid WebSocket messages and frames: none causes an internal error or prevents a pong. */
export const mutatedFrames = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} mutated frames`,
  async run(target, random, faults) {
    let left = count;
    const seed = random.below(2 ** 31);
    const loop = async (): Promise<void> => {
      while (left > 0) {
        const size = Math.min(FRAMES_PER_SOCKET, left);
        const first = count - left;
        left -= size;
        // A generator of its own, so that the order of the loops does not matter.
        const fault = await oneSocket(target, new SeededRandom(seed + first), size);
        if (fault !== undefined) faults.push(`frames ${first} to ${first + size}: ${fault}`);
      }
    };
    await Promise.all(Array.from({ length: LOOPS }, loop));
    return undefined;
  },
});

/** Sends messages, then one invalid frame, which ends the connection. */
async function oneSocket(target: Target, random: SeededRandom, size: number): Promise<string | undefined> {
  const tcp = await Tcp.upgraded(target, `${target.prefix}/app/${target.key}?protocol=7`);
  const { data } = await tcp.message();
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  const messages = messagesFor(target, socketId);
  const frames = Array.from({ length: size - 1 }, () => frameOf(mutantOf(messages, random)));
  const ping = frameOf(Buffer.from('{"event":"pusher:ping","data":{}}'));
  tcp.write(Buffer.concat([...frames, ping, brokenFrame(random)]));
  const code = await closeCode(tcp);
  tcp.destroy();
  if (typeof code === 'string') return code;
  return code === INTERNAL_ERROR ? `closed with ${code}` : undefined;
}

/** Reads until a pong or the end; returns the close code, or the reason if neither arrives in time. */
async function closeCode(tcp: Tcp): Promise<number | string | undefined> {
  try {
    for (;;) {
      const { opcode, payload } = await tcp.frame(PONG_TIMEOUT_MS);
      if (opcode === OPCODE.close) return payload.length < 2 ? undefined : payload.readUInt16BE(0);
      if (opcode === OPCODE.text && payload.includes('pusher:pong')) return undefined;
    }
  } catch (error) {
    return tcp.isEnded ? undefined : String(error);
  }
}

const frameOf = (payload: Buffer): Buffer => frameBytes({ opcode: OPCODE.text, payload });

function messagesFor(target: Target, socketId: string): readonly object[] {
  const subscribe = (channel: string, channelData?: string) => ({
    event: 'pusher:subscribe',
    data: {
      channel,
      auth: channelAuth(target, socketId, channel, channelData),
      ...(channelData !== undefined && { channel_data: channelData }),
    },
  });
  const user = '{"id":"1","user_info":{"name":"S"},"watchlist":["2"]}';
  return [
    { event: 'pusher:subscribe', data: { channel: 'orders' } },
    { event: 'pusher:subscribe', data: { channel: 'cache-orders' } },
    subscribe('private-orders'),
    subscribe('private-encrypted-orders'),
    subscribe('presence-room', '{"user_id":"1","user_info":{"name":"A"}}'),
    { event: 'pusher:unsubscribe', data: { channel: 'orders' } },
    { event: 'client-moved', channel: 'private-orders', data: { x: 1 } },
    { event: 'client-moved', channel: 'presence-room', data: '{"x":1}' },
    { event: 'pusher:signin', data: { auth: userAuth(target, socketId, user), user_data: user } },
    { event: 'pusher:pong', data: {} },
    { event: 'pusher:ping', data: {} },
  ];
}

function mutantOf(messages: readonly object[], random: SeededRandom): Buffer {
  const message = random.pick(messages);
  if (random.is(0.15)) return Buffer.from(JSON.stringify(message));
  if (random.is(0.55)) return Buffer.from(JSON.stringify(mutateJson(message, random)));
  return mutateBytes(Buffer.from(JSON.stringify(message)), random).subarray(0, 9_000);
}

function brokenFrame(random: SeededRandom): Buffer {
  const payload = 'x'.repeat(random.below(200));
  switch (random.below(7)) {
    case 0:
      return frameBytes({ opcode: 3 + random.below(5), payload });
    case 1:
      return frameBytes({ opcode: OPCODE.text, rsv: 1 + random.below(7), payload });
    case 2:
      return frameBytes({ opcode: OPCODE.text, masked: false, payload });
    case 3:
      return frameBytes({ opcode: OPCODE.text, claimedLength: 2n ** BigInt(20 + random.below(43)), payload });
    case 4:
      return frameBytes({
        opcode: OPCODE.close,
        payload: Buffer.from([random.below(256), random.below(256), 0xff]),
      });
    case 5:
      return frameBytes({ opcode: OPCODE.ping, fin: false, payload });
    default:
      return Buffer.from(Array.from({ length: 1 + random.below(60) }, () => random.below(256)));
  }
}
