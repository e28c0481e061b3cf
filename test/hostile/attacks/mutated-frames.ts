import { SeededRandom } from '../../support/seeded-random.ts';
import { channelAuth, userAuth } from '../../support/wire-http.ts';
import { frameBytes, OPCODE, Tcp } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { mutateBytes, mutateJson } from '../mutate.ts';
import type { Target } from '../target.ts';

const LANES = 8;
const FRAMES_PER_SOCKET = 100;
const PONG_TIMEOUT_MS = 20_000;
const INTERNAL_ERROR = 1011;

/** `count` WebSocket messages and frames that are almost right: none of them is an internal error, none kills a pong. */
export const mutatedFrames = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} mutated frames`,
  async run(target, chance, faults) {
    let left = count;
    const seed = chance.below(2 ** 31);
    const lane = async (): Promise<void> => {
      while (left > 0) {
        const size = Math.min(FRAMES_PER_SOCKET, left);
        const first = count - left;
        left -= size;
        // Draws of its own: in which order the lanes get there does not matter.
        const fault = await oneSocket(target, new SeededRandom(seed + first), size);
        if (fault !== undefined) faults.push(`frames ${first} to ${first + size}: ${fault}`);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return undefined;
  },
});

/** Messages first; the last frame breaks the framing, which ends the connection. */
async function oneSocket(target: Target, chance: SeededRandom, size: number): Promise<string | undefined> {
  const tcp = await Tcp.upgraded(target, `${target.prefix}/app/${target.key}?protocol=7`);
  const { data } = await tcp.message();
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  const messages = messagesFor(target, socketId);
  const frames = Array.from({ length: size - 1 }, () => frameOf(mutantOf(messages, chance)));
  const ping = frameOf(Buffer.from('{"event":"pusher:ping","data":{}}'));
  tcp.write(Buffer.concat([...frames, ping, brokenFrame(chance)]));
  const code = await closeCode(tcp);
  tcp.destroy();
  if (typeof code === 'string') return code;
  return code === INTERNAL_ERROR ? `closed with ${code}` : undefined;
}

/** Reads to the end; a text when no pong and no close came in time. */
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
  const user = '{"id":"somebody","user_info":{"name":"S"},"watchlist":["else"]}';
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

function mutantOf(messages: readonly object[], chance: SeededRandom): Buffer {
  const message = chance.pick(messages);
  if (chance.is(0.15)) return Buffer.from(JSON.stringify(message));
  if (chance.is(0.55)) return Buffer.from(JSON.stringify(mutateJson(message, chance)));
  return mutateBytes(Buffer.from(JSON.stringify(message)), chance).subarray(0, 9_000);
}

function brokenFrame(chance: SeededRandom): Buffer {
  const payload = 'x'.repeat(chance.below(200));
  switch (chance.below(7)) {
    case 0:
      return frameBytes({ opcode: 3 + chance.below(5), payload });
    case 1:
      return frameBytes({ opcode: OPCODE.text, rsv: 1 + chance.below(7), payload });
    case 2:
      return frameBytes({ opcode: OPCODE.text, masked: false, payload });
    case 3:
      return frameBytes({ opcode: OPCODE.text, claimedLength: 2n ** BigInt(20 + chance.below(43)), payload });
    case 4:
      return frameBytes({
        opcode: OPCODE.close,
        payload: Buffer.from([chance.below(256), chance.below(256), 0xff]),
      });
    case 5:
      return frameBytes({ opcode: OPCODE.ping, fin: false, payload });
    default:
      return Buffer.from(Array.from({ length: 1 + chance.below(60) }, () => chance.below(256)));
  }
}
