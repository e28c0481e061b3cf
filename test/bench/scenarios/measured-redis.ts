/** A Redis of one measured server, on its core, whose work can be read. */
import { Redis } from 'ioredis';
import { startRedis } from '../../support/redis.ts';
import { pin } from '../machine.ts';

export interface MeasuredRedis {
  readonly pid: number;
  /** Variables of a server that uses it. */
  readonly variables: Readonly<Record<string, string>>;
  /** Time that its scripts have run, in microseconds. */
  scriptsUs(): Promise<number>;
  keys(): Promise<number>;
  close(): Promise<void>;
}

export async function startMeasuredRedis(core: number | undefined): Promise<MeasuredRedis> {
  const redis = await startRedis();
  const client = new Redis(redis.port, '127.0.0.1');
  const pid = Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]);
  pin(pid, core);
  return {
    pid,
    variables: { REVERB_SCALING_ENABLED: 'true', REDIS_HOST: '127.0.0.1', REDIS_PORT: `${redis.port}` },
    keys: () => client.dbsize(),
    async scriptsUs() {
      const calls = (await client.info('commandstats')).matchAll(
        /cmdstat_(?:evalsha|eval|fcall):.*?usec=(\d+)/g,
      );
      return [...calls].reduce((sum, [, usec]) => sum + Number(usec), 0);
    },
    async close() {
      client.disconnect();
      await redis.close();
    },
  };
}
