/** Cost of webhooks for who subscribes and leaves: the first and the last of each channel, which are transitions. */
import type { Bench } from '../../bench.ts';
import { LightClient } from '../../cluster/bench-cluster.ts';
import { eventually } from '../../../support/wire.ts';
import type { Row } from '../../figures.ts';
import { interleave } from '../../rounds.ts';
import { rowsOf, type TurnResult } from '../../rows.ts';
import type { Receiver } from './receiver.ts';
import { cpuOf, type SendingServer, type Variant, withServers } from './servers.ts';

const CHANNELS = 2000;
/** Keys that the first turn creates and that stay. */
const OUTBOX_KEYS = 100;
/** Longer than all rounds: who leaves and is back is not told, so that no delivery is measured. */
const SMOOTHING = { REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '60000' };
const OTHERS = { ...SMOOTHING, REVERB_WEBHOOK_CHANNEL_PREFIX: 'other.' };

const variantsOf = (isOverRedis: boolean): readonly Variant[] => [
  { name: 'Wavehall', role: 'wavehall', isOverRedis, hasEndpoint: true, variables: SMOOTHING },
  { name: 'for other channels', role: 'other', isOverRedis, hasEndpoint: true, variables: OTHERS },
  { name: 'without webhooks', role: 'other', isOverRedis, hasEndpoint: false },
];

export async function subscriptions(bench: Bench, receiver: Receiver, isOverRedis: boolean): Promise<Row[]> {
  const channels = Array.from({ length: bench.scaled(CHANNELS) }, (_, at) => `room.${at}`);
  const figure = `subscribe and leave, ${isOverRedis ? 'over Redis' : 'one node'}`;
  return withServers(bench, receiver, variantsOf(isOverRedis), async (servers) => {
    const results = await interleave(bench, servers, (server) => turn(server, channels));
    return rowsOf({ scenario: 'webhooks', figure, unit: 'us' }, results);
  });
}

async function turn(server: SendingServer, channels: readonly string[]): Promise<TurnResult> {
  const { redis, contestant } = server;
  const keys = await redis?.keys();
  const before = await read(server);
  const client = new LightClient('user', contestant.endpoint, channels);
  await client.subscribe();
  for (const channel of channels)
    client.send(JSON.stringify({ event: 'pusher:unsubscribe', data: { channel } }));
  await answered(client);
  if (redis && keys !== undefined)
    await eventually(async () => (await redis.keys()) < keys + OUTBOX_KEYS, 'the channels have left Redis');
  const after = await read(server);
  client.close();
  const per = (name: keyof typeof after) => (after[name] - before[name]) / channels.length;
  return {
    value: per('serverUs') + per('redisUs'),
    ...(redis && {
      more: { server: per('serverUs'), Redis: per('redisUs'), 'scripts in it': per('scriptsUs') },
    }),
  };
}

const read = async (server: SendingServer) => ({
  ...cpuOf(server),
  scriptsUs: (await server.redis?.scriptsUs()) ?? 0,
});

/** Messages of a client are served in their order: the answer to a ping comes after all before it. */
async function answered(client: LightClient): Promise<void> {
  let isAnswered = false;
  client.onFrame = ({ event }) => (isAnswered ||= event === 'pusher:pong');
  client.send(JSON.stringify({ event: 'pusher:ping', data: {} }));
  await eventually(() => isAnswered, 'a pong');
}
