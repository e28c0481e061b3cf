/** Servers that send webhooks, each to a mailbox of its own and, over Redis, with a Redis of its own. */
import type { Bench } from '../../bench.ts';
import { cpuUs } from '../../cluster/bench-cluster.ts';
import { type Role, startWavehall } from '../../contestants.ts';
import type { MeasuredServer } from '../../rounds.ts';
import { type MeasuredRedis, startMeasuredRedis } from '../measured-redis.ts';
import type { Mailbox, Receiver } from './receiver.ts';

/** One way to run the server. */
export interface Variant {
  readonly name: string;
  readonly role: Role;
  readonly isOverRedis: boolean;
  readonly variables?: Readonly<Record<string, string>>;
  /** Without an endpoint there are no webhooks. */
  readonly hasEndpoint: boolean;
}

export interface SendingServer extends MeasuredServer {
  readonly mailbox: Mailbox;
  readonly redis: MeasuredRedis | undefined;
}

/** Starts these servers one after another, runs the task, and ends them. */
export async function withServers<T>(
  bench: Bench,
  receiver: Receiver,
  variants: readonly Variant[],
  task: (servers: readonly SendingServer[]) => Promise<T>,
): Promise<T> {
  const closers: (() => Promise<unknown>)[] = [];
  try {
    const servers: SendingServer[] = [];
    for (const variant of variants) servers.push(await startVariant(bench, receiver, variant, closers));
    return await task(servers);
  } finally {
    await Promise.all(closers.map((close) => close()));
  }
}

async function startVariant(
  bench: Bench,
  receiver: Receiver,
  { name, role, isOverRedis, variables = {}, hasEndpoint }: Variant,
  closers: (() => Promise<unknown>)[],
): Promise<SendingServer> {
  const { server: core } = bench.setting.pinning;
  const mailbox = receiver.mailbox();
  const redis = isOverRedis ? await startMeasuredRedis(core) : undefined;
  if (redis !== undefined) closers.push(() => redis.close());
  const contestant = await startWavehall({
    core,
    variables: {
      ...redis?.variables,
      ...(hasEndpoint && { REVERB_WEBHOOK_URL: mailbox.url, WAVEHALL_WEBHOOK_ALLOW_PRIVATE: '127.0.0.1' }),
      REVERB_WEBHOOK_TIMEOUT: '60',
      ...variables,
    },
  });
  closers.unshift(() => contestant.close());
  return { contestant: { ...contestant, name, role }, sockets: 1, mailbox, redis };
}

/** CPU time of the server and of its Redis, in microseconds. */
export const cpuOf = ({ contestant, redis }: SendingServer): { serverUs: number; redisUs: number } => ({
  serverUs: cpuUs(contestant.pid),
  redisUs: redis === undefined ? 0 : cpuUs(redis.pid),
});
