import { onTestFinished } from 'vitest';
import { LONG_MS, openClient, operated, PATIENT, startOperated } from '../cli/operated-server.ts';
import { APP, appAt } from '../support/app.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { channelAuth, publisher, userAuth } from '../support/wire-http.ts';
import type { Wire } from '../support/wire.ts';

/** Two nodes over a Redis of their own; the first has two workers. */
export interface TwoNodes {
  readonly redis: TestRedis;
  readonly first: TestServer;
  readonly second: TestServer;
}

export async function startTwoNodes(env: Record<string, string> = {}): Promise<TwoNodes> {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const settings = { ...operated(redis), ...PATIENT, ...env };
  const first = await startOperated(settings, ['--workers', '2']);
  return { redis, first, second: await startOperated(settings) };
}

/** A client on these channels; `user`: as which it is a member of presence channels, and signs in if its id allows that. */
export async function clientOn(
  server: TestServer,
  channels: readonly string[],
  user?: string,
): Promise<Wire> {
  const wire = await openClient(server);
  if (user !== undefined && /^\w+$/.test(user)) {
    const data = JSON.stringify({ id: user });
    wire.send({
      event: 'pusher:signin',
      data: { auth: userAuth(APP, wire.socketId, data), user_data: data },
    });
    await wire.next('pusher:signin_success', LONG_MS);
  }
  for (const channel of channels) {
    const data = channel.startsWith('presence-') ? JSON.stringify({ user_id: user ?? 'nobody' }) : undefined;
    const auth = channelAuth(APP, wire.socketId, channel, data);
    const signed = /^(private|presence)-/.test(channel) ? { auth, ...(data && { channel_data: data }) } : {};
    wire.send({ event: 'pusher:subscribe', data: { channel, ...signed } });
    await wire.next('pusher_internal:subscription_succeeded', LONG_MS);
  }
  return wire;
}

export const publish = async (server: TestServer, channel: string, name: string, data: string) => {
  const { status } = await publisher(appAt(server)).post('/events', { name, channel, data });
  if (status !== 200) throw new Error(`published with ${status}`);
};

/** Code and message of the error before a close. */
export const errorOf = async (wire: Wire) => (await wire.next('pusher:error', LONG_MS)).data;
