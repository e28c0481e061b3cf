import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { compare, type Phase } from '../../src/cutover/compare.ts';
import { comparisonTable } from '../../src/cutover/comparison-report.ts';
import type { Side } from '../../src/cutover/ports.ts';
import { type ProbeSite, publish } from '../../src/cutover/probe-site.ts';
import { type CutoverStatus, statusTable } from '../../src/cutover/report.ts';
import { signedSide, SIDE_HEADER } from '../../src/cutover/side-header.ts';
import type { Server } from '../../src/server.ts';
import { eventually, Wire } from '../support/wire.ts';
import { APP, siteAt, startWavehall } from './two-servers.ts';

const TOKEN = 'open-sesame';
const LONG_MS = 40_000;
vi.setConfig({ testTimeout: 60_000 });

let upstream: Server;
let wavehall: Server;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wavehall-watch-'));
  upstream = await startWavehall();
});
afterEach(async () => {
  await wavehall.stop();
  await upstream.stop();
  await rm(folder, { recursive: true });
});

const start = async (env: Record<string, string> = {}): Promise<void> => {
  wavehall = await startWavehall({
    WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    WAVEHALL_CUTOVER_STATE_FILE: join(folder, 'state.json'),
    WAVEHALL_CUTOVER_BREACH_LOOP_MS: '0',
    WAVEHALL_CUTOVER_BREACH_LATENCY_MS: '0',
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    ...env,
  });
};

async function status(): Promise<CutoverStatus> {
  const answer = await fetch(`http://127.0.0.1:${wavehall.port}/admin/cutover`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  return (await answer.json()) as CutoverStatus;
}

/** The status when it is as wanted. */
async function statusWhen(holds: (now: CutoverStatus) => boolean, what: string): Promise<CutoverStatus> {
  let last = await status();
  await eventually(
    async () => holds((last = await status())),
    () => `${what}:\n${statusTable(last, { colour: false })}`,
    LONG_MS,
  );
  return last;
}

describe('the canary of a server with another one', () => {
  test('11.14 crosses the bridge both ways, whatever the percentage is, and is no browser', async () => {
    await start({ WAVEHALL_CUTOVER_PERCENT: '0' });
    const now = await statusWhen(
      ({ watch: { health } }) => health.wavehall.arrivals.good >= 3 && health.upstream.arrivals.good >= 3,
      'events across',
    );
    const { wavehall: ours, upstream: theirs } = now.watch.health;
    expect([ours.delivery.bad, theirs.delivery.bad, ours.breaches, theirs.breaches]).toEqual([0, 0, [], []]);
    expect(now.watch.canary).toMatchObject({
      doubled: { wavehall: 0, upstream: 0 },
      notAllowed: { wavehall: null, upstream: null },
    });
    expect(now.split.total).toEqual({ wavehall: 0, upstream: 0 });
    expect(statusTable(now, { colour: false })).toMatch(/^canary, across +\d+ ok, .* +\d+ ok, /m);
  });

  test('11.15 the other server is killed at 50 percent: it is told, and the percentage stays', async () => {
    await start({ WAVEHALL_CUTOVER_PERCENT: '50', WAVEHALL_CUTOVER_BREACH_SECONDS: '1' });
    await statusWhen(({ watch: { health } }) => health.upstream.delivery.good >= 3, 'a good start');
    await upstream.stop();
    const now = await statusWhen(
      ({ watch: { health } }) => health.upstream.breaches.some(({ of }) => of === 'connects'),
      'the breach of the other server',
    );
    expect(now.watch.health.wavehall.breaches).toEqual([]);
    expect(now.percentage.percent).toBe(50);
    expect(now.watch.wayBack).toMatchObject({ breachSinceMs: null, last: null });
  });
});

test('11.15 browsers that Wavehall refuses bring the percentage back to 0', async () => {
  const strict = JSON.stringify([
    { app_id: APP.id, key: APP.key, secret: APP.secret, allowed_origins: ['shop.test'] },
  ]);
  await start({
    WAVEHALL_APPS: strict,
    WAVEHALL_CUTOVER_PERCENT: '100',
    WAVEHALL_CUTOVER_BREACH_SECONDS: '2',
    WAVEHALL_CUTOVER_ORIGIN: 'https://shop.test',
  });
  await statusWhen(({ watch: { health } }) => health.wavehall.delivery.good >= 3, 'a good start');
  const refused = async () => {
    const wire = await Wire.open({ host: '127.0.0.1', port: wavehall.port }, `/app/${APP.key}?protocol=7`, {
      origin: 'https://other.test',
    });
    await wire.closing().catch(() => undefined);
    await wire.close();
  };
  const stopping = new AbortController();
  const browsers = (async () => {
    while (!stopping.signal.aborted) await refused();
  })();
  const isBack = ({ watch: { wayBack } }: CutoverStatus) => wayBack.last !== null;
  const now = await statusWhen(isBack, 'the way back').finally(() => stopping.abort());
  await browsers;
  expect(now.percentage.percent).toBe(0);
  expect(now.watch.wayBack).toMatchObject({
    last: { fromPercent: 100, toPercent: 0 },
    counts: { toZero: 1, toLastGood: 0 },
  });
  expect(now.watch.wayBack.last?.reasons.map(({ of }) => of)).toEqual(['connects']);
  expect(now.percentage.changedBy).toMatch(/^the way back: .* of the connects failed/);
});

test('11.16 through the front door, at 0 percent, both sides bring the same', async () => {
  await start({ WAVEHALL_CUTOVER_PERCENT: '0' });
  const sites: Record<Side, ProbeSite> = {
    wavehall: siteAt(wavehall.port, { headers: { [SIDE_HEADER]: signedSide(APP, 'wavehall') } }),
    upstream: siteAt(upstream.port),
  };
  const channels = ['orders', 'private-orders', 'presence-orders'];
  await statusWhen(({ watch: { health } }) => health.wavehall.arrivals.good >= 1, 'the bridge is there');
  const comparison = await compare({
    sites,
    channels,
    listenMs: 60_000,
    maxBehindMs: 10_000,
    wait: async (phase: Phase) => {
      if (phase === 'settle') return settled();
      if (phase !== 'listen') return;
      for (let at = 0; at < 20; at += 1)
        for (const channel of channels)
          for (const side of ['wavehall', 'upstream'] as const) {
            const event = { name: `from-${side}`, channel, data: JSON.stringify({ at }) };
            expect((await publish(sites[side], event, { timeoutMs: 10_000 })).status).toBe(200);
          }
    },
  });
  expect(comparison, comparisonTable(comparison, { colour: false })).toMatchObject({
    isGo: true,
    reasons: [],
  });
  for (const found of Object.values(comparison.channels)) expect(found.same).toBeGreaterThanOrEqual(38);
});

/** What is on its way across has arrived when the bridge has nothing left to do. */
async function settled(): Promise<void> {
  const before = (await status()).watch.canary?.rounds ?? 0;
  await statusWhen(
    ({ bridge, watch }) =>
      bridge.every(({ queue }) => queue.events === 0) && (watch.canary?.rounds ?? 0) >= before + 2,
    'an empty queue, and canary events behind it',
  );
}
