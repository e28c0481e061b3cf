import type { SeededRandom } from '../../support/seeded-random.ts';
import { textFrame } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, pingFrame, range, readUntil, subscribeFrame } from '../hostile-client.ts';
import type { Target } from '../target.ts';

const MESSAGES_PER_SOCKET = 1_000;
const ANSWER_MS = 60_000;

type Forgery = (target: Target, random: SeededRandom) => Buffer;

const user = JSON.stringify({ id: '1', watchlist: range(100).map(String) });
const hex = (random: SeededRandom): string =>
  range(16)
    .map(() => random.below(65_536).toString(16))
    .join('');

/** Messages that need the secret or are invalid; each is answered by an error frame. */
const FORGERIES: readonly Forgery[] = [
  ({ key }, random) => subscribeFrame('private-a', { auth: `${key}:${hex(random)}` }),
  ({ key }, random) =>
    subscribeFrame('presence-a', { auth: `${key}:${hex(random)}`, channel_data: '{"user_id":"1"}' }),
  () => subscribeFrame('private-a'),
  (_target, random) => subscribeFrame('private-a', { auth: 'x'.repeat(random.below(5000)) }),
  (_target, random) => subscribeFrame(`no spaces ${random.below(1e6)}`),
  (_target, random) => subscribeFrame(`#server-to-user-${random.below(1e6)}`),
  ({ key }, random) =>
    textFrame({ event: 'pusher:signin', data: { auth: `${key}:${hex(random)}`, user_data: user } }),
  () => textFrame({ event: 'client-x', channel: 'private-nowhere', data: {} }),
  () => textFrame('{'),
  () => textFrame({ event: 'pusher:subscribe', data: [] }),
];

/** `sockets` clients know the key but not the secret: each of their messages is refused with an answer. */
export const withoutSecret = (sockets: number): Attack => ({
  name: `${sockets} clients that send ${MESSAGES_PER_SOCKET} messages without the secret`,
  async run(target, random, faults) {
    const results = await Promise.all(range(sockets).map(() => oneClient(target, random)));
    faults.push(...results.filter((fault) => fault !== undefined));
    return undefined;
  },
});

async function oneClient(target: Target, random: SeededRandom): Promise<string | undefined> {
  const messages = range(MESSAGES_PER_SOCKET).map((at) => FORGERIES[at % FORGERIES.length]!(target, random));
  const { tcp } = await connectHostileClient(target);
  tcp.write(Buffer.concat([...messages, pingFrame]));
  let subscribed = 0;
  const fault = await readUntil(
    tcp,
    ({ event }) => {
      if (event === 'pusher_internal:subscription_succeeded') subscribed += 1;
      return event === 'pusher:pong';
    },
    ANSWER_MS,
  );
  tcp.destroy();
  if (subscribed > 0) return `${subscribed} channels were subscribed without a signature`;
  // A wrong sign-in closes the connection (SPEC 6.3).
  return fault?.includes('closed with 4009') === true ? undefined : fault;
}
