import type { SeededRandom } from '../../support/seeded-random.ts';
import { textFrame } from '../../support/wire-tcp.ts';
import type { Attack } from '../attack.ts';
import { connectHostileClient, pingFrame, range, readUntil, subscribeFrame } from '../hostile-client.ts';
import type { Target } from '../target.ts';

const MESSAGES_PER_SOCKET = 1_000;
const ANSWER_MS = 60_000;

type Try = (target: Target, chance: SeededRandom) => Buffer;

const user = JSON.stringify({ id: '1', watchlist: range(100).map(String) });
const hex = (chance: SeededRandom): string =>
  range(16)
    .map(() => chance.below(65_536).toString(16))
    .join('');

/** Each of them is answered by an error frame. */
const TRIES: readonly Try[] = [
  ({ key }, chance) => subscribeFrame('private-a', { auth: `${key}:${hex(chance)}` }),
  ({ key }, chance) =>
    subscribeFrame('presence-a', { auth: `${key}:${hex(chance)}`, channel_data: '{"user_id":"1"}' }),
  () => subscribeFrame('private-a'),
  (_target, chance) => subscribeFrame('private-a', { auth: 'x'.repeat(chance.below(5000)) }),
  (_target, chance) => subscribeFrame(`no spaces ${chance.below(1e6)}`),
  (_target, chance) => subscribeFrame(`#server-to-user-${chance.below(1e6)}`),
  ({ key }, chance) =>
    textFrame({ event: 'pusher:signin', data: { auth: `${key}:${hex(chance)}`, user_data: user } }),
  () => textFrame({ event: 'client-x', channel: 'private-nowhere', data: {} }),
  () => textFrame('{'),
  () => textFrame({ event: 'pusher:subscribe', data: [] }),
];

/** `sockets` visitors have the key and no secret: whatever they try is refused, and answered. */
export const withoutSecret = (sockets: number): Attack => ({
  name: `${sockets} visitors who try ${MESSAGES_PER_SOCKET} times what needs the secret`,
  async run(target, chance, faults) {
    const found = await Promise.all(range(sockets).map(() => oneVisitor(target, chance)));
    faults.push(...found.filter((fault) => fault !== undefined));
    return undefined;
  },
});

async function oneVisitor(target: Target, chance: SeededRandom): Promise<string | undefined> {
  const tries = range(MESSAGES_PER_SOCKET).map((at) => TRIES[at % TRIES.length]!(target, chance));
  const { tcp } = await connectHostileClient(target);
  tcp.write(Buffer.concat([...tries, pingFrame]));
  let entered = 0;
  const fault = await readUntil(
    tcp,
    ({ event }) => {
      if (event === 'pusher_internal:subscription_succeeded') entered += 1;
      return event === 'pusher:pong';
    },
    ANSWER_MS,
  );
  tcp.destroy();
  if (entered > 0) return `${entered} channels were entered without a signature`;
  // A wrong sign-in closes the connection (SPEC 6.3).
  return fault?.includes('closed with 4009') === true ? undefined : fault;
}
