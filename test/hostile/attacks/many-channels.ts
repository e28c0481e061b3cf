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

/** So many messages may come at once (SPEC 2.12). */
const NAMES_PER_SOCKET = 1_000;
const SOCKETS_TOGETHER = 5;
const ANSWER_MS = 60_000;

/** Subscribes to `count` channels with unique names and unsubscribes; each subscription is answered. */
export const manyChannels = (count: number): Attack => ({
  name: `${count.toLocaleString('en-US')} channels that are entered and left`,
  async run(target, chance, faults) {
    const seed = chance.below(2 ** 31);
    let left = Math.ceil(count / NAMES_PER_SOCKET);
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const fault = await oneClient(target, `of-${seed}-${left}`);
        if (fault !== undefined) faults.push(fault);
      }
    };
    await Promise.all(Array.from({ length: SOCKETS_TOGETHER }, lane));
    return undefined;
  },
});

/** Enters and leaves one after another, all in one write; the last five hundred are left by the end of the connection. */
async function oneClient(target: Target, prefix: string): Promise<string | undefined> {
  const { tcp } = await connectHostileClient(target);
  const names = range(NAMES_PER_SOCKET).map((at) => `${at % 10 === 0 ? 'cache-' : ''}${prefix}-${at}`);
  const frames = names.flatMap((name, at) => [
    subscribeFrame(name),
    ...(at < NAMES_PER_SOCKET / 2 ? [unsubscribeFrame(name)] : []),
  ]);
  tcp.write(Buffer.concat([...frames, pingFrame]));
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
  if (fault !== undefined) return `${entered} of ${NAMES_PER_SOCKET} channels entered: ${fault}`;
  return entered === NAMES_PER_SOCKET ? undefined : `${entered} of ${NAMES_PER_SOCKET} channels entered`;
}
