import { readConfig } from '../../src/config/index.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { openStores } from '../../src/stores/index.ts';
import { FakeLogger } from '../core/fakes.ts';
import type { TestRedis } from './redis.ts';

interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

/** Settings of a server with one app over Redis, for tests whose subject is not Redis. */
export const redisSettings = (app: Credentials, redis: TestRedis): Record<string, string> => ({
  REVERB_APP_ID: app.id,
  REVERB_APP_KEY: app.key,
  REVERB_APP_SECRET: app.secret,
  REVERB_SCALING_ENABLED: 'true',
  REDIS_PORT: `${redis.port}`,
  WAVEHALL_REDIS_TIMEOUT_MS: '8000',
});

/**
 * Adds members to a presence channel whose sockets are on another node: they make the roster as large as local members
 * would, without sockets that have to receive each other's joins. The returned function removes them.
 */
export async function startMembersOnOtherNode(
  env: Record<string, string>,
  ref: ChannelRef,
  { count, infoBytes }: { readonly count: number; readonly infoBytes: number },
): Promise<() => Promise<void>> {
  const stores = await openStores(readConfig(env), new FakeLogger());
  const infoJson = JSON.stringify({ pad: 'x'.repeat(infoBytes) });
  for (let at = 1; at <= count; at += 1) {
    const id = `remote-${at}`;
    await stores.membership.join(ref, {
      subscriptions: at,
      member: { id, userId: id, infoJson },
      socketId: `9.${at}`,
    });
  }
  return () => stores.close();
}
