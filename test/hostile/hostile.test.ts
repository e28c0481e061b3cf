/**
 * Hostile clients against the real command: after each attack the server runs and has released everything.
 * With `WAVEHALL_HOSTILE=long` there is more of each; `HOSTILE_SEED` makes other attacks, and the same ones again.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type Attack, attack } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { forgedProxies } from './attacks/forged-proxies.ts';
import { mutatedFrames } from './attacks/mutated-frames.ts';
import { mutatedRequests } from './attacks/mutated-requests.ts';
import { subscribeChurn } from './attacks/subscribe-churn.ts';
import { outcomeLine } from './report.ts';
import { PROBED, retainedMbOf } from './retained.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? 1);
const IS_LONG = process.env.WAVEHALL_HOSTILE === 'long';
const SIZES = IS_LONG
  ? { requests: 200_000, frames: 1_000_000, seconds: 20 }
  : { requests: 50_000, frames: 200_000, seconds: 3 };
const OVER_REDIS = IS_LONG
  ? { requests: 50_000, frames: 200_000, seconds: 20 }
  : { requests: 2_000, frames: 10_000, seconds: 3 };
const LONGEST_MS = IS_LONG ? 1_800_000 : 300_000;
const LONGEST_PING_MS = 5_000;
const NODE = ['--max-old-space-size=256', ...PROBED];

interface Place {
  readonly env: Record<string, string>;
  readonly redis?: TestRedis;
}

interface Site {
  readonly name: string;
  readonly attacks: readonly Attack[];
  readonly prepare: () => Promise<Place>;
}

const SITES: readonly Site[] = [
  {
    name: 'a heap of 256 MB',
    attacks: attacks(SIZES),
    prepare: () => Promise.resolve({ env: {} }),
  },
  {
    name: 'a heap of 256 MB, over a Redis of 40 MB, which trusts what proxies say',
    attacks: [
      subscribeChurn(30, OVER_REDIS.seconds),
      forgedProxies(1_000),
      mutatedRequests(OVER_REDIS.requests),
      mutatedFrames(OVER_REDIS.frames),
    ],
    prepare: async () => {
      const redis = await startRedis(['--maxmemory', '40mb']);
      const env = {
        REVERB_SCALING_ENABLED: 'true',
        REDIS_PORT: `${redis.port}`,
        WAVEHALL_TRUSTED_PROXIES: '127.0.0.0/8',
      };
      return { env, redis };
    },
  },
];

describe.each(SITES)('a server with $name', ({ attacks: all, prepare }) => {
  let server: TestServer;
  let place: Place | undefined;
  let retainedMb: () => Promise<number>;
  let hasEnded = false;
  beforeAll(async () => {
    place = await prepare();
    server = await startServer({ ...APP_ENV, ...place.env }, [], ['start'], { node: NODE });
    void server.exited.then(() => (hasEnded = true));
    retainedMb = retainedMbOf(server);
  });
  afterAll(async () => {
    await server.close();
    await place?.redis?.close();
  });

  test.each(all)(
    '2.12 survives $name, releases what they used, and answers honest clients meanwhile',
    async (each) => {
      const address = { host: server.host, port: server.port, prefix: '' };
      const target = { ...APP, ...address, pid: server.pid, retainedMb };
      const outcome = await attack(target, each, { seed: SEED });
      console.log(outcomeLine(outcome));
      expect(hasEnded, server.output().slice(-3000)).toBe(false);
      expect(outcome.faults).toEqual([]);
      expect(outcome.longestPingMs).toBeLessThan(LONGEST_PING_MS);
    },
    LONGEST_MS,
  );

  test('8.3 logs no error during the attacks', () => {
    expect(
      server
        .output()
        .split('\n')
        .filter((line) => /"level":(50|60)|ERROR/.test(line)),
    ).toEqual([]);
  });
});
