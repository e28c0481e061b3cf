/**
 * Clients can neither trigger nor prevent a rollback. Runs real processes, with the stand-in for Reverb as the upstream.
 * HOSTILE_MS=60000 runs it for a minute.
 */
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { APP } from '../support/app.ts';
import type { CutoverStatus } from '../../src/cutover/status/status-report.ts';
import { statusTable } from '../../src/cutover/status/status-report.ts';
import { startRedis } from '../support/redis.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import { startHostileClients, QUICK_CLOSERS } from './hostile-clients.ts';
import { upstreamKinds, standInWith } from './upstream.ts';
import { CutoverScenario } from './scenario.ts';
import { sleep } from '../../src/core/util/time.ts';

const HOSTILE_MS = Number(process.env.HOSTILE_MS ?? 10_000);
const BREACH_SECONDS = Number(process.env.HOSTILE_BREACH_SECONDS ?? 3);
const LONG_MS = 120_000 + 2 * HOSTILE_MS;

let opened: CutoverScenario | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

const statusOf = (scenario: CutoverScenario) => scenario.status() as unknown as Promise<CutoverStatus>;
const shown = (status: CutoverStatus): string => statusTable(status, { colour: false });

async function openScenario(
  percent: number,
  env: Record<string, string> = {},
  kind = upstreamKinds().at(-1),
  browsers = 6,
): Promise<CutoverScenario> {
  if (kind === undefined) throw new Error('no upstream');
  const scenario = await CutoverScenario.open(kind, {
    browsers,
    env: {
      WAVEHALL_CUTOVER_PERCENT: String(percent),
      WAVEHALL_CUTOVER_BREACH_SECONDS: String(BREACH_SECONDS),
      // Times are not judged here: the machine may be loaded.
      WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS: '10000',
      ...env,
    },
  });
  opened = scenario;
  await until(
    scenario,
    ({ watch: { health } }) => health.wavehall.delivery.good >= 3 && health.upstream.delivery.good >= 3,
  );
  return scenario;
}

async function until(scenario: CutoverScenario, holds: (status: CutoverStatus) => boolean, limitMs = 40_000) {
  let last = await statusOf(scenario);
  await eventually(
    async () => holds((last = await statusOf(scenario))),
    () => shown(last),
    limitMs,
  );
  return last;
}

describe.each([100, 50])('hostile clients at %d percent', (percent) => {
  test(
    '11.15 none of their acts causes a rollback or counts as a failure of either server',
    { timeout: LONG_MS },
    async () => {
      const scenario = await openScenario(percent, { WAVEHALL_ALLOWED_ORIGINS: 'app.test' });
      const hostileClients = startHostileClients(scenario.frontDoor(), 4);
      const endMs = Date.now() + HOSTILE_MS;
      let last = await statusOf(scenario);
      while (Date.now() < endMs) {
        await sleep(500);
        last = await statusOf(scenario);
        expect(last.watch.rollback, shown(last)).toMatchObject({ breachSinceMs: null, last: null });
        for (const side of ['wavehall', 'upstream'] as const) {
          const { connects, subscribes, api, delivery } = last.watch.health[side];
          expect([connects.bad, subscribes.bad, api.bad, delivery.bad], shown(last)).toEqual([0, 0, 0, 0]);
        }
      }
      await hostileClients.stop();
      console.log(
        `${hostileClients.acts()} hostile acts at ${percent} % in ${HOSTILE_MS} ms\n${shown(last)}`,
      );
      expect(hostileClients.acts()).toBeGreaterThan(50);
      expect(last.percentage.percent).toBe(percent);
      expect(last.watch.health.wavehall.clients.bad + last.watch.health.upstream.clients.bad).toBe(0);
    },
  );
});

test(
  '11.14 a client that closes right after the greeting counts as connected, on both sides',
  { timeout: LONG_MS },
  async () => {
    const scenario = await openScenario(0);
    const before = (await statusOf(scenario)).split.total;
    for (const percent of [0, 100]) {
      await scenario.set(percent, false);
      for (const act of QUICK_CLOSERS) await act(scenario.frontDoor()).catch(() => undefined);
    }
    const now = await until(
      scenario,
      ({ split: { total } }) =>
        total.wavehall - before.wavehall >= QUICK_CLOSERS.length &&
        total.upstream - before.upstream >= QUICK_CLOSERS.length,
    );
    for (const side of ['wavehall', 'upstream'] as const) {
      expect(now.watch.health[side].clients.bad, side).toBe(0);
      expect(now.watch.health[side].connects.bad, side).toBe(0);
      expect(now.watch.health[side].breaches, side).toEqual([]);
    }
  },
);

/** Both servers and a Redis; killing the Redis is a fault of Wavehall. */
async function openWithRedis() {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const scenario = await openScenario(50, {
    REVERB_SCALING_ENABLED: 'true',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(redis.port),
  });
  return { scenario, redis };
}

/** Milliseconds from the fault of Wavehall to the rollback. */
async function rollbackAfterMs(quickClosers: number): Promise<number> {
  const { scenario, redis } = await openWithRedis();
  const hostileClients = startHostileClients(scenario.frontDoor(), quickClosers, QUICK_CLOSERS);
  await sleep(2000);
  const brokenAtMs = Date.now();
  await redis.kill();
  const now = await until(scenario, ({ watch: { rollback } }) => rollback.last !== null).finally(() =>
    hostileClients.stop(),
  );
  console.log(
    `rollback after ${Date.now() - brokenAtMs} ms beside ${hostileClients.acts()} quick closers: ${now.percentage.changedBy}`,
  );
  expect(now.percentage.percent).toBe(0);
  expect(now.watch.rollback.counts).toMatchObject({ blocked: 0, toZero: 1 });
  await opened?.close();
  opened = undefined;
  return Date.now() - brokenAtMs;
}

test(
  '11.15 a real fault of Wavehall causes the rollback in the same time, whether clients close quickly or not',
  { timeout: LONG_MS },
  async () => {
    const withoutClients = await rollbackAfterMs(0);
    const withClients = await rollbackAfterMs(4);
    expect(withClients).toBeLessThan(withoutClients + 10_000);
  },
);

test(
  '11.15 a fault of Wavehall moves no browser to an upstream that is down, and all of them after its restart',
  { timeout: LONG_MS },
  async () => {
    const { scenario, redis } = await openWithRedis();
    await scenario.upstream.kill9();
    await redis.kill();
    const blocked = await until(scenario, ({ watch: { rollback } }) => rollback.isBlocked);
    expect(blocked.percentage.percent).toBe(50);
    await scenario.upstream.restart();
    const now = await until(scenario, ({ watch: { rollback } }) => rollback.last !== null);
    expect([now.percentage.percent, now.watch.rollback.counts.blocked]).toEqual([0, 1]);
  },
);

/** Occupies every free connection of the upstream with clients, and retries when refused. Returns a function that closes all. */
function fill(scenario: CutoverScenario, maxConnections: number) {
  const wires: Wire[] = [];
  let isOver = false;
  const occupy = async (): Promise<void> => {
    while (!isOver) {
      const wire = await Wire.open(scenario.upstream.app, `/app/${APP.key}?protocol=7`);
      wires.push(wire);
      wire.send({ event: 'pusher:subscribe', data: { channel: 'hostile' } });
      const first = await wire.first();
      if (first.event === 'pusher:connection_established') await wire.closing(LONG_MS).catch(() => undefined);
      else wire.drop();
      await sleep(20);
    }
  };
  const occupying = Array.from({ length: maxConnections }, () => occupy().catch(() => undefined));
  return async () => {
    isOver = true;
    for (const wire of wires) wire.drop();
    await Promise.all(occupying);
  };
}

test(
  '11.14 clients that fill the upstream while the bridge reconnects cause no rollback',
  { timeout: LONG_MS },
  async () => {
    const maxConnections = 6;
    const kind = standInWith({ REVERB_APP_MAX_CONNECTIONS: String(maxConnections) });
    const scenario = await openScenario(100, { WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS: '2000' }, kind, 0);
    // A lost event counts against the bridge only after 15 s.
    await until(scenario, ({ watch: { health } }) => health.wavehall.arrivals.good >= 17);
    const release = fill(scenario, maxConnections);
    await sleep(500);
    scenario.upstream.proxy.cutOldest('bridge');
    const isRefused = ({ bridge }: CutoverStatus): boolean =>
      bridge[0]?.connected === false && bridge[0].lastError?.startsWith('4004') === true;
    await until(scenario, isRefused);
    const rounds = ({ watch: { canary } }: CutoverStatus): number => canary?.rounds ?? 0;
    const refusedRound = rounds(await statusOf(scenario));
    const now = await until(scenario, (each) => rounds(each) >= refusedRound + 14);
    expect(isRefused(now), shown(now)).toBe(true);
    // The canary works at both servers, and no failure is counted.
    const { wavehall, upstream } = now.watch.health;
    expect([wavehall.delivery.bad, upstream.delivery.bad, wavehall.arrivals.bad], shown(now)).toEqual([
      0, 0, 0,
    ]);
    expect(now.watch.rollback, shown(now)).toMatchObject({ breachSinceMs: null, last: null });
    expect(now.percentage.percent).toBe(100);
    await release();
    await until(scenario, ({ bridge }) => bridge[0]?.connected === true);
    const reconnectedRound = rounds(await statusOf(scenario));
    await until(
      scenario,
      (each) => rounds(each) >= reconnectedRound + 5 && each.watch.health.wavehall.arrivals.good > 0,
    );
  },
);

test('11.14 requests without a valid signature are not counted', { timeout: LONG_MS }, async () => {
  const scenario = await openScenario(100);
  const before = (await statusOf(scenario)).watch.health.wavehall.api;
  const wrong = publisher({ ...scenario.app('wavehall'), secret: 'wrong' });
  for (let at = 0; at < 200; at += 1)
    expect((await wrong.post('/events', { name: 'x', channel: 'y', data: 'z' })).status).toBe(401);
  const { api, delivery } = (await statusOf(scenario)).watch.health.wavehall;
  expect(api.bad).toBe(0);
  // Only the canary's requests are signed.
  expect(api.good - before.good).toBeLessThanOrEqual(delivery.good + 2);
  expect(api.good - before.good).toBeLessThan(100);
});
