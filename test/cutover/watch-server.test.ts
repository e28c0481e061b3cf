import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { APP } from '../support/app.ts';
import { compare, type Phase } from '../../src/cutover/compare/compare.ts';
import { comparisonTable } from '../../src/cutover/compare/comparison-report.ts';
import type { Side } from '../../src/cutover/sides.ts';
import { type ProbeSite, publishAtSite } from '../../src/cutover/probe/probe-site.ts';
import { type CutoverStatus, statusTable } from '../../src/cutover/status/status-report.ts';
import { signedSide, SIDE_HEADER } from '../../src/cutover/split/side-header.ts';
import type { Server } from '../../src/server/index.ts';
import { eventually } from '../support/wire.ts';
import { joinPresenceChannel, probeSiteAt, startServerInProcess } from './faulty-servers.ts';

const TOKEN = 'open-sesame';
const LONG_MS = 40_000;
vi.setConfig({ testTimeout: 60_000 });

let upstream: Server;
let wavehall: Server;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wavehall-watch-'));
  upstream = await startServerInProcess();
});
afterEach(async () => {
  await wavehall.stop();
  await upstream.stop();
  await rm(folder, { recursive: true });
});

const start = async (env: Record<string, string> = {}): Promise<void> => {
  wavehall = await startServerInProcess({
    WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    WAVEHALL_CUTOVER_STATE_FILE: join(folder, 'state.json'),
    WAVEHALL_CUTOVER_BREACH_LOOP_MS: '0',
    WAVEHALL_CUTOVER_BREACH_LATENCY_MS: '0',
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    ...env,
  });
};

async function status(): Promise<CutoverStatus> {
  const answer = await fetch(`http://127.0.0.1:${wavehall.apiPort ?? wavehall.port}/admin/cutover`, {
    headers: { authorization: `Bearer ${TOKEN}` },
  });
  return (await answer.json()) as CutoverStatus;
}

/** Resolves with the status when the condition holds. */
async function statusWhen(holds: (now: CutoverStatus) => boolean, what: string): Promise<CutoverStatus> {
  let last = await status();
  await eventually(
    async () => holds((last = await status())),
    () => `${what}:\n${statusTable(last, { colour: false })}`,
    LONG_MS,
  );
  return last;
}

describe('the canary of a server with an upstream', () => {
  test('8.13 publishes at the API port and connects at the main port, when there are two', async () => {
    await start({ WAVEHALL_CUTOVER_PERCENT: '0', WAVEHALL_API_PORT: '0' });
    const now = await statusWhen(
      ({ watch: { health } }) => health.wavehall.arrivals.good >= 3 && health.upstream.arrivals.good >= 3,
      'events have crossed the bridge both ways',
    );
    expect([now.watch.health.wavehall.delivery.bad, now.watch.health.wavehall.breaches]).toEqual([0, []]);
    const [onMain, onApi] = [wavehall.port, wavehall.apiPort].map(async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/live`, {
        headers: { 'x-wavehall-door': 'other' },
      });
      return answer.status;
    });
    expect(await Promise.all([onMain, onApi])).toEqual([200, 200]);
    const unserved = await fetch(`http://127.0.0.1:${wavehall.port}/admin/cutover`);
    expect(unserved.status).toBe(404);
  });

  test('11.14 sends events across the bridge both ways, also at 0 percent, and is not counted as a browser', async () => {
    await start({ WAVEHALL_CUTOVER_PERCENT: '0' });
    const now = await statusWhen(
      ({ watch: { health } }) => health.wavehall.arrivals.good >= 3 && health.upstream.arrivals.good >= 3,
      'events have crossed the bridge both ways',
    );
    const { wavehall: onWavehall, upstream: onUpstream } = now.watch.health;
    expect([
      onWavehall.delivery.bad,
      onUpstream.delivery.bad,
      onWavehall.breaches,
      onUpstream.breaches,
    ]).toEqual([0, 0, [], []]);
    expect(now.watch.canary).toMatchObject({
      doubled: { wavehall: 0, upstream: 0 },
      notAllowed: { wavehall: null, upstream: null },
    });
    expect(now.split.total).toEqual({ wavehall: 0, upstream: 0 });
    expect(statusTable(now, { colour: false })).toMatch(
      /^test events from the other server +\d+ ok, .* +\d+ ok, /m,
    );
  });

  test('11.15 reports a killed upstream at 50 percent, and does not change the percentage', async () => {
    await start({ WAVEHALL_CUTOVER_PERCENT: '50', WAVEHALL_CUTOVER_BREACH_SECONDS: '1' });
    await statusWhen(
      ({ watch: { health } }) => health.upstream.delivery.good >= 3,
      'the first canary events of the upstream have arrived',
    );
    await upstream.stop();
    const now = await statusWhen(
      ({ watch: { health } }) => health.upstream.breaches.some(({ of }) => of === 'connects'),
      'the breach of the upstream',
    );
    expect(now.watch.health.wavehall.breaches).toEqual([]);
    expect(now.percentage.percent).toBe(50);
    expect(now.watch.rollback).toMatchObject({ breachSinceMs: null, last: null });
  });
});

test('11.14 the canary needs no limit, origin or TLS certificate of this server', async () => {
  await start({
    WAVEHALL_ALLOWED_ORIGINS: 'shop.test',
    WAVEHALL_REQUIRE_TLS: 'true',
    WAVEHALL_MAX_CONNECTIONS: '1',
    WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: '1',
    REVERB_APP_MAX_CONNECTIONS: '1',
    WAVEHALL_CUTOVER_PERCENT: '100',
  });
  const now = await statusWhen(
    ({ watch: { health } }) => health.wavehall.delivery.good >= 3 && health.wavehall.connects.good >= 3,
    'the canary has connected and received its events',
  );
  expect(now.watch.canary?.notAllowed.wavehall).toBeNull();
  expect(now.watch.health.wavehall).toMatchObject({ connects: { bad: 0 }, delivery: { bad: 0 } });
});

test('11.16 through the front door, at 0 percent, both sides deliver the same events', async () => {
  await start({ WAVEHALL_CUTOVER_PERCENT: '0' });
  const headers = { [SIDE_HEADER]: signedSide(APP, 'wavehall') };
  const sites: Record<Side, ProbeSite> = {
    wavehall: probeSiteAt(wavehall.port, { headers }),
    upstream: probeSiteAt(upstream.port),
  };
  const channels = ['orders', 'private-orders', 'presence-orders'];
  await statusWhen(({ watch: { health } }) => health.wavehall.arrivals.good >= 1, 'the bridge is connected');
  const members = [
    await joinPresenceChannel(wavehall.port, 'presence-orders', 'ada', headers),
    await joinPresenceChannel(upstream.port, 'presence-orders', 'ada'),
  ];
  const comparison = await compare({
    sites,
    channels,
    member: 'ada',
    listenMs: 60_000,
    maxBehindMs: 10_000,
    wait: async (phase: Phase) => {
      if (phase === 'settle') return settled();
      if (phase !== 'listen') return;
      for (let at = 0; at < 20; at += 1)
        for (const channel of channels)
          for (const side of ['wavehall', 'upstream'] as const) {
            const event = { name: `from-${side}`, channel, data: JSON.stringify({ at }) };
            expect((await publishAtSite(sites[side], event, { timeoutMs: 10_000 })).status).toBe(200);
          }
    },
  });
  expect(comparison, comparisonTable(comparison, { colour: false })).toMatchObject({
    isGo: true,
    reasons: [],
  });
  for (const found of Object.values(comparison.channels)) expect(found.same).toBeGreaterThanOrEqual(38);
  for (const wire of members) await wire.close();
});

/** Waits until the bridge's queue is empty: every event has crossed. */
async function settled(): Promise<void> {
  const before = (await status()).watch.canary?.rounds ?? 0;
  await statusWhen(
    ({ bridge, watch }) =>
      bridge.every(({ queue }) => queue.events === 0) && (watch.canary?.rounds ?? 0) >= before + 2,
    'an empty queue, and two canary rounds after it',
  );
}
