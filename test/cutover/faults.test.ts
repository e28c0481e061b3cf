/** Faults during the cutover, and what is lost by them: nothing, or what is counted and reported. */
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/wire.ts';
import { KINDS, type CheckOptions, type Verdict } from '../support/delivery/delivery-checker.ts';
import type { SentEvent, ClientSubscription } from '../support/delivery/delivery-log.ts';
import { upstreamKinds } from './upstream.ts';
import { CutoverScenario } from './scenario.ts';
import { sleep } from '../../src/core/util/time.ts';

const BROWSERS = 40;
const TEST_MS = 60_000;
/** Load before and after what is broken. */
const AROUND_MS = 1000;

/** These may never happen, whatever is broken. */
const neverIn = ({ counts }: Verdict) =>
  Object.fromEntries(KINDS.filter((kind) => kind !== 'memberChanges').map((kind) => [kind, counts[kind]]));
const NOTHING = neverIn({
  counts: Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Verdict['counts'],
  examples: [],
  lostInFaults: 0,
  doubledByMove: 0,
  missedByMove: 0,
  deliveries: 0,
  expected: 0,
});

/** True for an event that may be lost: one that was crossing between the servers. */
const crossing = (sent: SentEvent, stay: ClientSubscription): boolean => sent.at !== stay.side;
/** Events of this side go over the other side's HTTP API: without the bridge's sockets, too. */
const heardFromThere = (sent: SentEvent, stay: ClientSubscription): boolean =>
  crossing(sent, stay) && (sent.kind === 'clientEvent' || sent.at === 'upstream');

let stage: CutoverScenario | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

interface BridgeCounts {
  readonly dropped: Record<string, number>;
  readonly gaps: number;
  readonly connected: boolean;
}

const bridgeOf = async (on: CutoverScenario): Promise<BridgeCounts> =>
  ((await on.status()).bridge as BridgeCounts[])[0] ?? { dropped: {}, gaps: 0, connected: false };

const halfway = async (
  kind: (typeof kinds)[number],
  env: Record<string, string> = {},
): Promise<CutoverScenario> => {
  stage = await CutoverScenario.open(kind, {
    browsers: BROWSERS,
    env: { WAVEHALL_CUTOVER_PERCENT: '50', ...env },
  });
  stage.startLoad();
  await sleep(AROUND_MS);
  return stage;
};

const ends = async (on: CutoverScenario, options: CheckOptions): Promise<Verdict> => {
  await on.everybodyIsSettled();
  await sleep(AROUND_MS);
  await on.stopBackground();
  const verdict = await on.verdict({ faultMs: 500, ...options });
  console.log(expect.getState().currentTestName, verdict, await bridgeOf(on));
  expect(neverIn(verdict), verdict.examples.join('\n')).toEqual(NOTHING);
  return verdict;
};

const kinds = upstreamKinds();

describe.each(kinds)('11.13 faults beside $name', (kind) => {
  test.runIf(kind.canBeKilled)(
    '11.13 kill -9 of the other side: its browsers come to us, and all heals',
    { timeout: TEST_MS },
    async () => {
      const on = await halfway(kind);
      await on.during('the other side is dead', crossing, async () => {
        await on.other.kill9();
        await eventually(() => on.count('upstream') === 0, 'everybody is on Wavehall', 20_000);
        await on.everybodyIsSettled();
        await on.other.restart();
        await eventually(async () => (await bridgeOf(on)).connected, 'the bridge is back', 20_000);
      });
      await ends(on, { faultMs: 1500 });
      expect((await bridgeOf(on)).gaps).toBeGreaterThan(0);
    },
  );

  test(
    '11.13 the connections of the bridge are cut: rosters stay, nobody is told of anybody',
    { timeout: TEST_MS },
    async () => {
      const on = await halfway(kind);
      await on.during('the bridge is cut', heardFromThere, async () => {
        on.other.proxy.cut('bridge');
        await eventually(async () => (await bridgeOf(on)).connected, 'the bridge is back', 20_000);
      });
      const verdict = await ends(on, { faultMs: 1500 });
      expect(verdict.counts.memberChanges).toBe(0);
      expect((await bridgeOf(on)).gaps).toBeGreaterThan(0);
    },
  );

  test('11.7 the other side is slow by 2 s: late, in order, once', { timeout: TEST_MS }, async () => {
    const on = await halfway(kind);
    on.other.proxy.delayMs = 2000;
    await sleep(5000);
    await on.other.proxy.heal();
    await ends(on, { settleMs: 5000 });
    expect(await bridgeOf(on)).toMatchObject({ dropped: {}, gaps: 0 });
  });

  test(
    '11.7 the other side answers 500: everything gets there when it is well again',
    { timeout: TEST_MS },
    async () => {
      const on = await halfway(kind);
      on.other.proxy.failRequests(500);
      await sleep(3000);
      on.other.proxy.failRequests(undefined);
      await ends(on, { settleMs: 5000 });
      expect(await bridgeOf(on)).toMatchObject({ dropped: {}, gaps: 0 });
    },
  );

  test(
    '11.13 kill -9 of Wavehall: everybody comes back, and nobody is left on a list',
    { timeout: TEST_MS },
    async () => {
      const on = await halfway(kind);
      await on.during('Wavehall is dead', crossing, async () => {
        on.server.kill('SIGKILL');
        await on.server.exited;
        await on.restartWavehall();
        await on.everybodyIsSettled(30_000);
      });
      await ends(on, { faultMs: 1500 });
    },
  );

  test(
    '11.14 Wavehall hangs for moments, as under a load that anybody can make: it is told, and nobody is moved',
    { timeout: TEST_MS },
    async () => {
      const on = await halfway(kind, {
        WAVEHALL_CUTOVER_WINDOW_SECONDS: '5',
        WAVEHALL_CUTOVER_BREACH_SECONDS: '1',
        WAVEHALL_CUTOVER_BREACH_LOOP_MS: '150',
      });
      expect(on.count('wavehall')).toBeGreaterThan(0);
      const before = on.browsers.map(({ connects }) => connects);
      const isTold = (): boolean => /event loop.*the percentage stays/i.test(on.server.output());
      const beganMs = on.nowMs();
      await on.during(
        'Wavehall hangs',
        () => false,
        async () => {
          while (!isTold() && on.nowMs() - beganMs < 20_000) {
            on.server.kill('SIGSTOP');
            await sleep(300);
            on.server.kill('SIGCONT');
            await sleep(50);
          }
          expect(isTold(), on.server.output().slice(-2000)).toBe(true);
        },
      );
      expect(((await on.status()).percentage as { percent: number }).percent).toBe(50);
      expect(on.browsers.map(({ connects }) => connects)).toEqual(before);
      await ends(on, { faultMs: 1500 });
    },
  );
});
