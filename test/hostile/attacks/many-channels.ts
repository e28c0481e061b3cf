import type { Attack } from '../attack.ts';
import {
  connectHostileClient,
  pingFrame,
  range,
  readUntil,
  subscribeFrame,
  unsubscribeFrame,
} from '../hostile-client.ts';
import type { Target } from '../target.ts';

/** A burst that the rate limit permits (SPEC 2.12). */
const NAMES_PER_SOCKET = 1_000;
const SOCKETS_TOGETHER = 5;
const ANSWER_MS = 60_000;

/** Subscribes to `count` channels with unique names and unsubscribes; each subscription is answered. */
export const manyChannels = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} channels that are subscribed and unsubscribed`,
  async run(target, random, faults) {
    const seed = random.below(2 ** 31);
    let left = Math.ceil(count / NAMES_PER_SOCKET);
    const loop = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const fault = await oneClient(target, `of-${seed}-${left}`);
        if (fault !== undefined) faults.push(fault);
      }
    };
    await Promise.all(Array.from({ length: SOCKETS_TOGETHER }, loop));
    return undefined;
  },
});

/** Subscribes in one write and unsubscribes from the first half; disconnects to leave the last five hundred. */
async function oneClient(target: Target, prefix: string): Promise<string | undefined> {
  const { tcp } = await connectHostileClient(target);
  const names = range(NAMES_PER_SOCKET).map((at) => `${at % 10 === 0 ? 'cache-' : ''}${prefix}-${at}`);
  const frames = names.flatMap((name, at) => [
    subscribeFrame(name),
    ...(at < NAMES_PER_SOCKET / 2 ? [unsubscribeFrame(name)] : []),
  ]);
  tcp.write(Buffer.concat([...frames, pingFrame]));
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
  if (fault !== undefined) return `${subscribed} of ${NAMES_PER_SOCKET} channels subscribed: ${fault}`;
  return subscribed === NAMES_PER_SOCKET
    ? undefined
    : `${subscribed} of ${NAMES_PER_SOCKET} channels subscribed`;
}
