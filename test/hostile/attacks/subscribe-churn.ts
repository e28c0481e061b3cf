import { SeededRandom } from '../../support/seeded-random.ts';
import { channelAuth } from '../../support/wire-http.ts';
import { Tcp, textFrame, upgradeText } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import type { Target } from '../target.ts';

const CHANNELS_PER_SOCKET = 20;
const ANSWER_MS = 10_000;
const KINDS = ['', 'private-', 'presence-', 'cache-', 'presence-cache-'] as const;

/** `sockets` at a time come, enter and leave channels of names that nobody else uses, whisper there, and go without a word. */
export const subscribeChurn = (sockets: number, seconds: number): Attack => ({
  name: `${sockets} clients that come, subscribe, whisper and go`,
  async run(target, chance, faults) {
    const until = Date.now() + seconds * 1000;
    const seed = chance.below(2 ** 31);
    const lane = async (number: number): Promise<void> => {
      const own = new SeededRandom(seed + number);
      while (Date.now() < until) {
        await visitor(target, own).catch((error: unknown) => faults.push(String(error)));
      }
    };
    await Promise.all(Array.from({ length: sockets }, (_, number) => lane(number)));
    return undefined;
  },
});

/** One client from connect to disconnect; rejects when it gets no answer. */
async function visitor(target: Target, chance: SeededRandom): Promise<void> {
  const tcp = await Tcp.open(target);
  try {
    tcp.write(upgradeText(`${target.prefix}/app/${target.key}?protocol=7`));
    await tcp.head(ANSWER_MS);
    await visits(tcp, target, chance);
  } finally {
    if (chance.is(0.5)) tcp.reset();
    else tcp.destroy();
  }
}

async function visits(tcp: Tcp, target: Target, chance: SeededRandom): Promise<void> {
  const { data } = await tcp.message(ANSWER_MS);
  const { socket_id: socketId } = JSON.parse(String(data)) as { socket_id: string };
  const frames = Array.from({ length: CHANNELS_PER_SOCKET }, () => visit(target, socketId, chance));
  tcp.write(Buffer.concat(frames.flat()));
  await tcp.message(ANSWER_MS);
}

/** Subscribes to a channel and sends a client event; unsubscribes, or leaves that to the end of the connection. */
function visit(target: Target, socketId: string, chance: SeededRandom): Buffer[] {
  const kind = chance.pick(KINDS) ?? '';
  const channel = `${kind}churn-${chance.below(1e9)}`;
  const member = kind.startsWith('presence-')
    ? JSON.stringify({ user_id: `${chance.below(50)}` })
    : undefined;
  const signature = /^(private|presence)-/.test(kind)
    ? { auth: channelAuth(target, socketId, channel, member), channel_data: member }
    : {};
  return [
    textFrame({ event: 'pusher:subscribe', data: { channel, ...signature } }),
    textFrame({ event: 'client-noise', channel, data: { pad: 'x'.repeat(500) } }),
    ...(chance.is(0.5) ? [textFrame({ event: 'pusher:unsubscribe', data: { channel } })] : []),
  ];
}
