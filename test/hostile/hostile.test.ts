/**
 * Hostile clients against the real command: after each attack the server still runs and has released everything.
 * `WAVEHALL_HOSTILE=long` runs more of each attack; `HOSTILE_SEED` sets the seed of their random choices.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type Attack, attack } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { fallbackSessions } from './attacks/fallback-sessions.ts';
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
const REDIS_SIZES = IS_LONG
  ? { requests: 50_000, frames: 200_000, seconds: 20 }
  : { requests: 2_000, frames: 10_000, seconds: 3 };
const TIMEOUT_MS = IS_LONG ? 1_800_000 : 300_000;
const MAX_PING_MS = 5_000;
const NODE_OPTIONS = ['--max-old-space-size=256', ...PROBED];

interface Environment {
  readonly env: Record<string, string>;
  readonly redis?: TestRedis;
}

interface Setup {
  readonly name: string;
  readonly attacks: readonly Attack[];
  readonly prepare: () => Promise<Environment>;
}

const SETUPS: readonly Setup[] = [
  {
    name: 'a heap of 256 MB',
    attacks: attacks(SIZES),
    prepare: () => Promise.resolve({ env: {} }),
  },
  {
    name: 'a heap of 256 MB and a Redis of 40 MB, which trusts proxy headers',
    attacks: [
      subscribeChurn(30, REDIS_SIZES.seconds),
      forgedProxies(1_000),
      fallbackSessions(20, REDIS_SIZES.seconds),
      mutatedRequests(REDIS_SIZES.requests),
      mutatedFrames(REDIS_SIZES.frames),
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

describe.each(SETUPS)('a server with $name', ({ attacks: all, prepare }) => {
  let server: TestServer;
  let environment: Environment | undefined;
  let retainedMb: () => Promise<number>;
  let hasEnded = false;
  beforeAll(async () => {
    environment = await prepare();
    server = await startServer({ ...APP_ENV, ...environment.env }, [], ['start'], { node: NODE_OPTIONS });
    void server.exited.then(() => (hasEnded = true));
    retainedMb = retainedMbOf(server);
  });
  afterAll(async () => {
    await server.close();
    await environment?.redis?.close();
  });

  test.each(all)(
    '2.12 survives $name, releases their resources, and answers honest clients meanwhile',
    async (each) => {
      const address = { host: server.host, port: server.port, prefix: '' };
      const target = { ...APP, ...address, pid: server.pid, retainedMb };
      const outcome = await attack(target, each, { seed: SEED });
      console.log(outcomeLine(outcome));
      expect(hasEnded, server.output().slice(-3000)).toBe(false);
      expect(outcome.faults).toEqual([]);
      expect(outcome.longestPingMs).toBeLessThan(MAX_PING_MS);
    },
    TIMEOUT_MS,
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
