import { SeededRandom } from '../../support/seeded-random.ts';
import { channelAuth } from '../../support/wire-http.ts';
import { Tcp, textFrame, upgradeText } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import type { Target } from '../target.ts';

const CHANNELS_PER_SOCKET = 20;
const ANSWER_MS = 10_000;
const KINDS = ['', 'private-', 'presence-', 'cache-', 'presence-cache-'] as const;

/** `sockets` clients at a time connect, subscribe to channels with unique names, send client events there, and disconnect. */
export const subscribeChurn = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that connect, subscribe, send client events and disconnect`,
  async run(target, random, faults) {
    const until = Date.now() + seconds * 1000;
    const seed = random.below(2 ** 31);
    const loop = async (number: number): Promise<void> => {
      const own = new SeededRandom(seed + number);
      while (Date.now() < until) {
        await oneClient(target, own).catch((error: unknown) => faults.push(String(error)));
      }
    };
    await Promise.all(Array.from({ length: sockets }, (_, number) => loop(number)));
    return undefined;
  },
});

/** Runs one client from connect to disconnect; rejects if it receives no answer. */
async function oneClient(target: Target, random: SeededRandom): Promise<void> {
  const tcp = await Tcp.open(target);
  try {
    tcp.write(upgradeText(`${target.prefix}/app/${target.key}?protocol=7`));
    await tcp.head(ANSWER_MS);
    await useChannels(tcp, target, random);
  } finally {
    if (random.is(0.5)) tcp.reset();
    else tcp.destroy();
  }
}

async function useChannels(tcp: Tcp, target: Target, random: SeededRandom): Promise<void> {
  const { data } = await tcp.message(ANSWER_MS);
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  const frames = Array.from({ length: CHANNELS_PER_SOCKET }, () => framesFor(target, socketId, random));
  tcp.write(Buffer.concat(frames.flat()));
  await tcp.message(ANSWER_MS);
}

/** Returns the frames that subscribe to a channel, send a client event and, in half of the cases, unsubscribe. */
function framesFor(target: Target, socketId: string, random: SeededRandom): Buffer[] {
  const kind = random.pick(KINDS) ?? '';
  const channel = `${kind}churn-${random.below(1e9)}`;
  const member = kind.startsWith('presence-')
    ? JSON.stringify({ user_id: `${random.below(50)}` })
    : undefined;
  const signature = /^(private|presence)-/.test(kind)
    ? { auth: channelAuth(target, socketId, channel, member), channel_data: member }
    : {};
  return [
    textFrame({ event: 'pusher:subscribe', data: { channel, ...signature } }),
    textFrame({ event: 'client-moved', channel, data: { pad: 'x'.repeat(500) } }),
    ...(random.is(0.5) ? [textFrame({ event: 'pusher:unsubscribe', data: { channel } })] : []),
  ];
}
