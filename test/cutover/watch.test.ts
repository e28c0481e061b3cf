import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { APP } from '../support/app.ts';
import type { WatchLimits } from '../../src/cutover/watch-limits.ts';
import { DEFAULT_WATCH_LIMITS } from './default-watch-limits.ts';
import type { Percentage, PercentageState } from '../../src/cutover/ports/percentage.ts';
import type { ProbeSite } from '../../src/cutover/probe/probe-site.ts';
import { requestedSide, signedSide } from '../../src/cutover/split/side-header.ts';
import { Watch } from '../../src/cutover/watch/watch.ts';
import type { Server } from '../../src/server/index.ts';
import { FakeLogger } from '../core/fakes.ts';
import { eventually } from '../support/wire.ts';
import { type FaultyProxy, probeSiteAt, startFaultyProxy, startServerInProcess } from './faulty-servers.ts';

/** Short limits. The tests check the order of events only, because times depend on the load of the machine. */
const QUICK: Partial<WatchLimits> = {
  canaryEveryMs: 50,
  canaryTimeoutMs: 3000,
  latencyMs: 0,
  loopMs: 0,
  samples: 3,
  breachMs: 1000,
  goodMs: 1000,
};
const LONG_MS = 40_000;
vi.setConfig({ testTimeout: 60_000 });

let server: Server;
let faulty: FaultyProxy;
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  server = await startServerInProcess();
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
afterAll(() => server.stop());

/** State of this node alone. */
function ownPercentage(percent: number, lastGood: number): Percentage & { readonly sets: readonly number[] } {
  let state: PercentageState = { percent, lastGood, changedAtMs: 0, changedBy: 'the test', move: false };
  const sets: number[] = [];
  return {
    get percent() {
      return state.percent;
    },
    get lastGood() {
      return state.lastGood;
    },
    get state() {
      return state;
    },
    isShared: true,
    sets,
    set(to, changedBy, move = false) {
      sets.push(to);
      state = { ...state, percent: to, changedBy, move };
      return Promise.resolve();
    },
    markGood(good) {
      state = { ...state, lastGood: good };
      return Promise.resolve();
    },
    onChange: () => undefined,
  };
}

interface Start {
  readonly limits?: Partial<WatchLimits>;
  readonly percent?: number;
  readonly lastGood?: number;
  readonly notify?: URL;
  readonly sites?: { readonly wavehall?: ProbeSite; readonly upstream?: ProbeSite };
}

function open({ limits, percent = 50, lastGood = 25, notify, sites }: Start = {}) {
  const logger = new FakeLogger();
  const percentage = ownPercentage(percent, lastGood);
  const watch = new Watch({
    limits: { ...DEFAULT_WATCH_LIMITS, ...QUICK, ...limits },
    percentage,
    logger,
    clock: Date.now,
    sites: () => ({ wavehall: probeSiteAt(server.port), upstream: probeSiteAt(server.port), ...sites }),
    notify: notify && { url: notify, credential: APP },
  });
  watch.start();
  cleanUps.push(() => watch.stop());
  return { watch, logger, percentage };
}

const startFaultySite = async (): Promise<ProbeSite> => {
  faulty = await startFaultyProxy(server.port);
  cleanUps.push(() => faulty.close());
  return probeSiteAt(faulty.port);
};

async function startReceiver() {
  const bodies: string[] = [];
  const receiver = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (chunk: string) => bodies.push(chunk));
    request.on('end', () => response.end());
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  cleanUps.push(() => new Promise((resolve) => receiver.close(resolve)));
  return { bodies, url: new URL(`http://127.0.0.1:${(receiver.address() as AddressInfo).port}`) };
}

const waitUntil = (holds: () => boolean, what: string) =>
  eventually(
    () => Promise.resolve(holds()),
    () => what,
    LONG_MS,
  );

describe('canary, health and rollback together', () => {
  test('11.15 broken delivery of Wavehall causes a rollback to the last good percentage, then to 0, each notified once', async () => {
    const receiver = await startReceiver();
    const { watch, logger, percentage } = open({
      sites: { wavehall: await startFaultySite() },
      notify: receiver.url,
      // On a loaded machine the start may take long enough for 50 % to be marked as good.
      limits: { goodMs: 60_000 },
    });
    await waitUntil(
      () => watch.status().health.wavehall.delivery.good > 5,
      'the first canary events have arrived',
    );
    expect(percentage.sets).toEqual([]);
    faulty.fault = 'http-500';
    await waitUntil(() => percentage.percent === 0, 'the rollback');
    await waitUntil(() => watch.status().notifications?.sent === 2, 'two notifications');
    expect(percentage.sets).toEqual([25, 0]);
    expect(logger.warnings.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^Automatic rollback of the cutover percentage from 50 % to 25 %: .*canary events were lost/,
      ),
      expect.stringMatching(/^Automatic rollback of the cutover percentage from 25 % to 0 %/),
    ]);
    expect(receiver.bodies.map((body) => (JSON.parse(body) as { events: object[] }).events[0])).toEqual([
      expect.objectContaining({ name: 'cutover_rollback', from_percent: 50, to_percent: 25 }),
      expect.objectContaining({ name: 'cutover_rollback', from_percent: 25, to_percent: 0 }),
    ]);
    expect(percentage.state).toMatchObject({ move: true, lastGood: 0 });
  });

  test.each(['http-500', 'no-delivery', 'no-upgrade'] as const)(
    '11.15 a broken upstream (%s) is reported, and moves no browser',
    async (fault) => {
      const { watch, percentage } = open({ sites: { upstream: await startFaultySite() }, lastGood: 50 });
      await waitUntil(
        () => watch.status().health.upstream.delivery.good > 5,
        'the first canary events have arrived',
      );
      faulty.fault = fault;
      if (fault === 'no-upgrade') faulty.drop();
      const broken = () => watch.status().health.upstream.breaches.length > 0;
      await waitUntil(broken, 'a breach of the upstream');
      const { rounds } = watch.status().canary ?? { rounds: 0 };
      await waitUntil(() => (watch.status().canary?.rounds ?? 0) > rounds + 50, 'fifty more rounds');
      expect(watch.status().health.wavehall.breaches).toEqual([]);
      expect(watch.status().rollback.breachSinceMs).toBeNull();
      expect(percentage.sets).toEqual([]);
    },
  );

  test('11.15 a percentage is marked as good after the set time without a breach', async () => {
    const { percentage } = open({ percent: 75 });
    await waitUntil(() => percentage.lastGood === 75, '75 % is marked as good');
    expect(percentage.sets).toEqual([]);
  });

  test('11.14 without a canary there is no probe, and other reports are still judged', async () => {
    const { watch, percentage } = open({ limits: { canaryEveryMs: 0 } });
    const failing = setInterval(() => watch.health.connect('wavehall', false, 1), 20);
    cleanUps.push(() => Promise.resolve(clearInterval(failing)));
    await waitUntil(() => percentage.percent === 0, 'the rollback');
    expect(watch.status()).toMatchObject({ canary: null, notifications: null });
    expect(server.connections()).toBe(0);
  });

  test('11.14 a stop leaves no connection and no timer', async () => {
    const { watch } = open();
    await waitUntil(
      () => watch.status().health.wavehall.delivery.good > 0,
      'the first canary event has arrived',
    );
    await watch.stop();
    await waitUntil(() => server.connections() === 0, 'every probe is closed');
  });
});

describe('a probe requests a side of the front door', () => {
  const old = { key: 'app-key', secret: 'before' };

  test('11.1 with a header that is signed with the app’s secret', () => {
    for (const side of ['wavehall', 'upstream'] as const) {
      expect(requestedSide([APP], signedSide(APP, side))).toBe(side);
      expect(requestedSide([APP, old], signedSide(old, side))).toBe(side);
      expect(requestedSide([APP], signedSide(old, side))).toBeUndefined();
    }
  });

  test('11.1 any other header is ignored, and the connection is split by its bucket', () => {
    const signature = signedSide(APP, 'wavehall').split(':')[1] ?? '';
    for (const header of [
      undefined,
      '',
      'wavehall',
      'wavehall:',
      `upstream:${signature}`,
      `reverb:${signature}`,
      `wavehall:${signature.toUpperCase()}`,
      `wavehall:${signature}0`,
      [signedSide(APP, 'wavehall')],
    ])
      expect(requestedSide([APP], header)).toBeUndefined();
  });
});
