import { explainError } from '../redis/link/errors.ts';
import { connect, openCluster, openServer } from '../redis/link/client.ts';
import type { RedisOptions } from '../redis/options.ts';
import type { CachedValue } from './options.ts';

/** A value in the Redis of Laravel's cache, under any of these keys. A lost connection is made again by itself. */
export function redisValue(options: RedisOptions, keys: readonly string[]): CachedValue {
  const client = options.cluster === undefined ? openServer(options) : openCluster(options, options.cluster);
  // Without a listener an error would end the process; `read` rejects with it.
  client.on('error', () => undefined);
  let connecting: Promise<void> | undefined;
  return {
    async read() {
      try {
        await (connecting ??= connect(client));
        const values = await Promise.all(keys.map((key) => client.get(key)));
        return values.every((value) => value === null) ? undefined : values.join('\n');
      } catch (error) {
        if (client.status === 'end' || client.status === 'wait') connecting = undefined;
        else connecting = Promise.resolve();
        throw new Error(explainError(error, options).sentence, { cause: error });
      }
    },
    close: () => client.disconnect(),
  };
}
