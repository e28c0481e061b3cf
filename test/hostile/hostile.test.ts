/** Hostile clients against the real command: after each attack the server lives and has everything back. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP, APP_ENV } from '../conformance/settings.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { attack } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { mutatedFrames } from './attacks/mutated-frames.ts';
import { mutatedRequests } from './attacks/mutated-requests.ts';
import { subscribeChurn } from './attacks/subscribe-churn.ts';
import { outcomeLine } from './report.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? 1);
const LONGEST_MS = 300_000;
/** Ten sockets' answers, and what they asked with, at the hard limit of each. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=256' };
const SIZES = { requests: 50_000, frames: 200_000, seconds: 4 };
/** A second life of the same attack may not need much more than the first: what it took was given back. */
const PLATEAU_MB = 60;

/** Takes minutes and a machine of its own: asked for by name. */
const isWanted = process.env.WAVEHALL_HOSTILE !== undefined;

describe.runIf(isWanted).each([
  ['a heap of 256 MB', () => Promise.resolve({ env: SMALL_HEAP, redis: undefined, all: attacks(SIZES) })],
  [
    'a heap of 256 MB, over Redis',
    async () => {
      const redis = await startRedis(['--maxmemory', '40mb']);
      const env = { ...SMALL_HEAP, REVERB_SCALING_ENABLED: 'true', REDIS_PORT: `${redis.port}` };
      return { env, redis, all: [subscribeChurn(60, 6), mutatedRequests(5_000), mutatedFrames(20_000)] };
    },
  ],
] as const)('a server with %s', (_name, prepare) => {
  let server: TestServer;
  let redis: TestRedis | undefined;
  let all: ReturnType<typeof attacks>;
  let hasEnded = false;
  beforeAll(async () => {
    const prepared = await prepare();
    ({ redis, all } = prepared);
    server = await startServer({ ...APP_ENV, ...prepared.env });
    void server.exited.then(() => (hasEnded = true));
  });
  afterAll(async () => {
    await server.close();
    await redis?.close();
  });

  test(
    'lives through every attack, lets go of all that it took, and answers honest clients meanwhile',
    async () => {
      const target = { ...APP, host: server.host, port: server.port, prefix: '', pid: server.pid };
      for (const each of all) {
        const outcome = await attack(target, each, { seed: SEED });
        console.log(outcomeLine(outcome));
        expect(hasEnded, server.output().slice(-3000)).toBe(false);
        expect(outcome.faults, each.name).toEqual([]);
        expect(outcome.longestPingMs, each.name).toBeLessThan(5_000);
      }
      expect(defectsIn(server.output())).toEqual([]);
    },
    LONGEST_MS,
  );

  test(
    'needs no more memory for the same attacks again',
    async () => {
      const target = { ...APP, host: server.host, port: server.port, prefix: '', pid: server.pid };
      const [churn] = all.filter(({ name }) => name.includes('come, subscribe'));
      const peaks: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const { rssMb } = await attack(target, churn!, { seed: SEED + round });
        peaks.push(rssMb.after ?? 0);
      }
      expect(peaks[2]!, `${peaks.join(', ')} MiB`).toBeLessThan(peaks[0]! + PLATEAU_MB);
    },
    LONGEST_MS,
  );
});

/** Lines of the log that tell of a defect. */
const defectsIn = (output: string): string[] =>
  output.split('\n').filter((line) => /"level":(50|60)|ERROR/.test(line));
