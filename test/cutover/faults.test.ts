/** Faults during the cutover: no event is lost, or the lost ones are counted and reported. */
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/wire.ts';
import { KINDS, type CheckOptions, type Verdict } from '../support/delivery/delivery-checker.ts';
import type { SentEvent, ClientSubscription } from '../support/delivery/delivery-log.ts';
import { upstreamKinds } from './upstream.ts';
import { CutoverScenario } from './scenario.ts';
import { sleep } from '../../src/core/util/time.ts';

const BROWSERS = 40;
const TEST_MS = 60_000;
/** Duration of the load before and after each fault. */
const LOAD_MS = 1000;

/** Counts of the kinds that no fault may cause. */
const forbiddenCounts = ({ counts }: Verdict) =>
  Object.fromEntries(KINDS.filter((kind) => kind !== 'memberChanges').map((kind) => [kind, counts[kind]]));
const ALL_ZERO = forbiddenCounts({
  counts: Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Verdict['counts'],
  examples: [],
  lostInFaults: 0,
  doubledByMove: 0,
  missedByMove: 0,
  deliveries: 0,
  expected: 0,
});

/** True for an event that may be lost: one that crosses between the servers. */
const crosses = (sent: SentEvent, subscription: ClientSubscription): boolean =>
  sent.server !== subscription.server;
/** True for an event that crosses on the bridge's sockets. The bridge forwards events to the upstream over its HTTP API instead. */
const crossesOnSocket = (sent: SentEvent, subscription: ClientSubscription): boolean =>
  crosses(sent, subscription) && (sent.kind === 'clientEvent' || sent.server === 'upstream');

let opened: CutoverScenario | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

interface BridgeCounts {
  readonly dropped: Record<string, number>;
  readonly gaps: number;
  readonly connected: boolean;
}

const bridgeOf = async (scenario: CutoverScenario): Promise<BridgeCounts> =>
  ((await scenario.status()).bridge as BridgeCounts[])[0] ?? { dropped: {}, gaps: 0, connected: false };

const openAtHalf = async (
  kind: (typeof kinds)[number],
  env: Record<string, string> = {},
): Promise<CutoverScenario> => {
  opened = await CutoverScenario.open(kind, {
    browsers: BROWSERS,
    env: { WAVEHALL_CUTOVER_PERCENT: '50', ...env },
  });
  opened.startLoad();
  await sleep(LOAD_MS);
  return opened;
};

const stopAndCheck = async (scenario: CutoverScenario, options: CheckOptions): Promise<Verdict> => {
  await scenario.waitUntilSettled();
  await sleep(LOAD_MS);
  await scenario.stopBackground();
  const verdict = await scenario.verdict({ faultMs: 500, ...options });
  console.log(expect.getState().currentTestName, verdict, await bridgeOf(scenario));
  expect(forbiddenCounts(verdict), verdict.examples.join('\n')).toEqual(ALL_ZERO);
  return verdict;
};

const kinds = upstreamKinds();

describe.each(kinds)('11.13 faults with $name as the upstream', (kind) => {
  test.runIf(kind.canBeKilled)(
    '11.13 serves the browsers of a killed upstream (kill -9), and reconnects the bridge after its restart',
    { timeout: TEST_MS },
    async () => {
      const scenario = await openAtHalf(kind);
      await scenario.during('the upstream is down', crosses, async () => {
        await scenario.upstream.kill9();
        await eventually(() => scenario.count('upstream') === 0, 'all browsers are on Wavehall', 20_000);
        await scenario.waitUntilSettled();
        await scenario.upstream.restart();
        await eventually(
          async () => (await bridgeOf(scenario)).connected,
          'the bridge is connected again',
          20_000,
        );
      });
      await stopAndCheck(scenario, { faultMs: 1500 });
      expect((await bridgeOf(scenario)).gaps).toBeGreaterThan(0);
    },
  );

  test(
    '11.13 keeps the rosters and publishes no member change when the bridge’s connections are cut',
    { timeout: TEST_MS },
    async () => {
      const scenario = await openAtHalf(kind);
      await scenario.during('the bridge is cut', crossesOnSocket, async () => {
        scenario.upstream.proxy.cut('bridge');
        await eventually(
          async () => (await bridgeOf(scenario)).connected,
          'the bridge is connected again',
          20_000,
        );
      });
      const verdict = await stopAndCheck(scenario, { faultMs: 1500 });
      expect(verdict.counts.memberChanges).toBe(0);
      expect((await bridgeOf(scenario)).gaps).toBeGreaterThan(0);
    },
  );

  test(
    '11.7 delivers each event once and in order while the upstream answers 2 s late',
    { timeout: TEST_MS },
    async () => {
      const scenario = await openAtHalf(kind);
      scenario.upstream.proxy.delayMs = 2000;
      await sleep(5000);
      await scenario.upstream.proxy.restore();
      await stopAndCheck(scenario, { settleMs: 5000 });
      expect(await bridgeOf(scenario)).toMatchObject({ dropped: {}, gaps: 0 });
    },
  );

  test(
    '11.7 delivers every event after the upstream has answered 500 for a while',
    { timeout: TEST_MS },
    async () => {
      const scenario = await openAtHalf(kind);
      scenario.upstream.proxy.failRequests(500);
      await sleep(3000);
      scenario.upstream.proxy.failRequests(undefined);
      await stopAndCheck(scenario, { settleMs: 5000 });
      expect(await bridgeOf(scenario)).toMatchObject({ dropped: {}, gaps: 0 });
    },
  );

  test(
    '11.13 all browsers reconnect after kill -9 of Wavehall, and no roster keeps a member that has left',
    { timeout: TEST_MS },
    async () => {
      const scenario = await openAtHalf(kind);
      await scenario.during('Wavehall is down', crosses, async () => {
        scenario.server.kill('SIGKILL');
        await scenario.server.exited;
        await scenario.restartWavehall();
        await scenario.waitUntilSettled(30_000);
      });
      await stopAndCheck(scenario, { faultMs: 1500 });
    },
  );

  test(
    '11.14 a slow event loop, which any client can cause by load, is logged and moves no browser',
    { timeout: TEST_MS },
    async () => {
      const scenario = await openAtHalf(kind, {
        WAVEHALL_CUTOVER_WINDOW_SECONDS: '5',
        WAVEHALL_CUTOVER_BREACH_SECONDS: '1',
        WAVEHALL_CUTOVER_BREACH_LOOP_MS: '150',
      });
      expect(scenario.count('wavehall')).toBeGreaterThan(0);
      const before = scenario.browsers.map(({ connects }) => connects);
      const isLogged = (): boolean => /event loop.*the percentage stays/i.test(scenario.server.output());
      const beganMs = scenario.nowMs();
      await scenario.during(
        'Wavehall hangs',
        () => false,
        async () => {
          while (!isLogged() && scenario.nowMs() - beganMs < 20_000) {
            scenario.server.kill('SIGSTOP');
            await sleep(300);
            scenario.server.kill('SIGCONT');
            await sleep(50);
          }
          expect(isLogged(), scenario.server.output().slice(-2000)).toBe(true);
        },
      );
      expect(((await scenario.status()).percentage as { percent: number }).percent).toBe(50);
      expect(scenario.browsers.map(({ connects }) => connects)).toEqual(before);
      await stopAndCheck(scenario, { faultMs: 1500 });
    },
  );
});
