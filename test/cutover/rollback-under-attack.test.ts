/**
 * Clients can neither trigger nor prevent a rollback. By hand, for a minute: HOSTILE_MS=60000. Real processes; the
 * upstream is the stand-in for Reverb.
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

let scenario: CutoverScenario | undefined;
afterEach(async () => {
  await scenario?.close();
  scenario = undefined;
});

const statusOf = (on: CutoverScenario) => on.status() as unknown as Promise<CutoverStatus>;
const shown = (status: CutoverStatus): string => statusTable(status, { colour: false });

async function openStage(
  percent: number,
  env: Record<string, string> = {},
  kind = upstreamKinds().at(-1),
  browsers = 6,
): Promise<CutoverScenario> {
  if (kind === undefined) throw new Error('no upstream');
  const open = await CutoverScenario.open(kind, {
    browsers,
    env: {
      WAVEHALL_CUTOVER_PERCENT: String(percent),
      WAVEHALL_CUTOVER_BREACH_SECONDS: String(BREACH_SECONDS),
      // Times are not judged here: the machine may be loaded.
      WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS: '10000',
      ...env,
    },
  });
  scenario = open;
  await until(
    open,
    ({ watch: { health } }) => health.wavehall.delivery.good >= 3 && health.upstream.delivery.good >= 3,
  );
  return open;
}

async function until(on: CutoverScenario, holds: (status: CutoverStatus) => boolean, limitMs = 40_000) {
  let last = await statusOf(on);
  await eventually(
    async () => holds((last = await statusOf(on))),
    () => shown(last),
    limitMs,
  );
  return last;
}

describe.each([100, 50])('hostile clients at %d percent', (percent) => {
  test(
    '11.15 none of their acts causes a rollback, or counts as a failure of either server',
    { timeout: LONG_MS },
    async () => {
      const on = await openStage(percent, { WAVEHALL_ALLOWED_ORIGINS: 'app.test' });
      const hostility = startHostileClients(on.door(), 4);
      const endMs = Date.now() + HOSTILE_MS;
      let last = await statusOf(on);
      while (Date.now() < endMs) {
        await sleep(500);
        last = await statusOf(on);
        expect(last.watch.rollback, shown(last)).toMatchObject({ breachSinceMs: null, last: null });
        for (const side of ['wavehall', 'upstream'] as const) {
          const { connects, subscribes, api, delivery } = last.watch.health[side];
          expect([connects.bad, subscribes.bad, api.bad, delivery.bad], shown(last)).toEqual([0, 0, 0, 0]);
        }
      }
      await hostility.stop();
      console.log(`${hostility.acts()} hostile acts at ${percent} % in ${HOSTILE_MS} ms\n${shown(last)}`);
      expect(hostility.acts()).toBeGreaterThan(50);
      expect(last.percentage.percent).toBe(percent);
      expect(last.watch.health.wavehall.clients.bad + last.watch.health.upstream.clients.bad).toBe(0);
    },
  );
});

test(
  '11.14 a client that closes right after the greeting counts as connected, on both sides',
  { timeout: LONG_MS },
  async () => {
    const on = await openStage(0);
    const before = (await statusOf(on)).split.total;
    for (const percent of [0, 100]) {
      await on.set(percent, false);
      for (const act of QUICK_CLOSERS) await act(on.door()).catch(() => undefined);
    }
    const now = await until(
      on,
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

/** Two servers, and a Redis whose end is a fault of Wavehall. */
async function openBreakable() {
  const redis = await startRedis();
  onTestFinished(() => redis.close());
  const on = await openStage(50, {
    REVERB_SCALING_ENABLED: 'true',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(redis.port),
  });
  return { on, redis };
}

/** Milliseconds from the fault of Wavehall to the rollback. */
async function rollbackAfterMs(quickClosers: number): Promise<number> {
  const { on, redis } = await openBreakable();
  const hostility = startHostileClients(on.door(), quickClosers, QUICK_CLOSERS);
  await sleep(2000);
  const brokenAtMs = Date.now();
  await redis.kill();
  const now = await until(on, ({ watch: { rollback } }) => rollback.last !== null).finally(() =>
    hostility.stop(),
  );
  console.log(
    `rollback after ${Date.now() - brokenAtMs} ms beside ${hostility.acts()} quick closers: ${now.percentage.changedBy}`,
  );
  expect(now.percentage.percent).toBe(0);
  expect(now.watch.rollback.counts).toMatchObject({ blocked: 0, toZero: 1 });
  await scenario?.close();
  scenario = undefined;
  return Date.now() - brokenAtMs;
}

test(
  '11.15 a real fault of Wavehall causes the rollback in the same time, whether clients close quickly or not',
  { timeout: LONG_MS },
  async () => {
    const alone = await rollbackAfterMs(0);
    const beside = await rollbackAfterMs(4);
    expect(beside).toBeLessThan(alone + 10_000);
  },
);

test(
  '11.15 a fault of Wavehall moves no browser to a dead upstream, and all of them when it is back',
  { timeout: LONG_MS },
  async () => {
    const { on, redis } = await openBreakable();
    await on.other.kill9();
    await redis.kill();
    const held = await until(on, ({ watch: { rollback } }) => rollback.isBlocked);
    expect(held.percentage.percent).toBe(50);
    await on.other.restart();
    const now = await until(on, ({ watch: { rollback } }) => rollback.last !== null);
    expect([now.percentage.percent, now.watch.rollback.counts.blocked]).toEqual([0, 1]);
  },
);

/** Takes every free connection of the upstream with clients that subscribe; a refused one tries again. */
function fill(on: CutoverScenario, places: number) {
  const wires: Wire[] = [];
  let isOver = false;
  const take = async (): Promise<void> => {
    while (!isOver) {
      const wire = await Wire.open(on.other.app, `/app/${APP.key}?protocol=7`);
      wires.push(wire);
      wire.send({ event: 'pusher:subscribe', data: { channel: 'hostile' } });
      const first = await wire.first();
      if (first.event === 'pusher:connection_established') await wire.closing(LONG_MS).catch(() => undefined);
      else wire.drop();
      await sleep(20);
    }
  };
  const taking = Array.from({ length: places }, () => take().catch(() => undefined));
  return async () => {
    isOver = true;
    for (const wire of wires) wire.drop();
    await Promise.all(taking);
  };
}

test(
  '11.14 clients that fill the upstream while the bridge reconnects cause no rollback',
  { timeout: LONG_MS },
  async () => {
    const places = 6;
    const kind = standInWith({ REVERB_APP_MAX_CONNECTIONS: String(places) });
    const on = await openStage(100, { WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS: '2000' }, kind, 0);
    // A lost event counts against the bridge only after 15 s.
    await until(on, ({ watch: { health } }) => health.wavehall.arrivals.good >= 17);
    const giveBack = fill(on, places);
    await sleep(500);
    on.other.proxy.cutOldest('bridge');
    const isShutOut = ({ bridge }: CutoverStatus): boolean =>
      bridge[0]?.connected === false && bridge[0].lastError?.startsWith('4004') === true;
    await until(on, isShutOut);
    const rounds = ({ watch: { canary } }: CutoverStatus): number => canary?.rounds ?? 0;
    const sinceRound = rounds(await statusOf(on));
    const now = await until(on, (each) => rounds(each) >= sinceRound + 14);
    expect(isShutOut(now), shown(now)).toBe(true);
    // The canary works at both servers, and no failure is counted.
    const { wavehall, upstream } = now.watch.health;
    expect([wavehall.delivery.bad, upstream.delivery.bad, wavehall.arrivals.bad], shown(now)).toEqual([
      0, 0, 0,
    ]);
    expect(now.watch.rollback, shown(now)).toMatchObject({ breachSinceMs: null, last: null });
    expect(now.percentage.percent).toBe(100);
    await giveBack();
    await until(on, ({ bridge }) => bridge[0]?.connected === true);
    const backRound = rounds(await statusOf(on));
    await until(on, (each) => rounds(each) >= backRound + 5 && each.watch.health.wavehall.arrivals.good > 0);
  },
);

test('11.14 requests without a valid signature are not counted', { timeout: LONG_MS }, async () => {
  const on = await openStage(100);
  const before = (await statusOf(on)).watch.health.wavehall.api;
  const wrong = publisher({ ...on.app('wavehall'), secret: 'wrong' });
  for (let at = 0; at < 200; at += 1)
    expect((await wrong.post('/events', { name: 'x', channel: 'y', data: 'z' })).status).toBe(401);
  const { api, delivery } = (await statusOf(on)).watch.health.wavehall;
  expect(api.bad).toBe(0);
  // Only the canary's requests are signed.
  expect(api.good - before.good).toBeLessThanOrEqual(delivery.good + 2);
  expect(api.good - before.good).toBeLessThan(100);
});
