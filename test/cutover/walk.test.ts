/**
 * From 0 to 100 percent and back under constant load. The log of everything that was sent and heard is read afterwards.
 * With WAVEHALL_TEST_UPSTREAM or WAVEHALL_TEST_UPSTREAM_START (see upstream.ts) the same walk goes along any other server.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { KINDS } from '../support/delivery/delivery-checker.ts';
import { startHostileClients } from './hostile-clients.ts';
import { upstreamKinds } from './upstream.ts';
import { CutoverScenario, latencies } from './scenario.ts';
import { sleep } from '../../src/core/util/time.ts';

const BROWSERS = Number(process.env.WALK_BROWSERS ?? 200);
const FEW_BROWSERS = Math.ceil(BROWSERS / 3);
/** How long the load goes on at each step, after everybody has arrived where he belongs. */
const STEP_MS = Number(process.env.WALK_STEP_MS ?? 1500);
/** Hostile clients that do what anybody may, all the time; by hand. */
const HOSTILE = Number(process.env.WALK_HOSTILE ?? 0);
/** Equal events that are published at each side at the same time. */
const TWINS = 15;
const STEPS = [5, 25, 50, 100, 0];
const WALK_MS = 120_000;

/** Events that a browser may hear on both sides or on neither because it changed them faster than the event. */
const OUTRUN_SHARE = 0.002;

const nothingWrong = Object.fromEntries(KINDS.map((kind) => [kind, 0]));

let stage: CutoverScenario | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

/** Up and down again; everybody who changes the side does so with one reconnect. */
const walk = async (on: CutoverScenario): Promise<void> => {
  const hostility = startHostileClients(on.door(), HOSTILE);
  on.startLoad();
  await sleep(STEP_MS);
  for (const percent of STEPS) {
    const before = on.browsers.map(({ side, connects }) => ({ side, connects }));
    await on.set(percent);
    await on.everybodyIsPlaced(percent);
    await sleep(STEP_MS);
    if (percent === 50)
      for (const channel of ['walk-0', 'presence-walk-1'])
        expect(await on.twins(channel, TWINS), `equal events on ${channel}`).toEqual([2 * TWINS]);
    for (const [at, { side, connects }] of on.browsers.entries()) {
      const moved = side === before[at]?.side ? 0 : 1;
      expect(connects, `connects of browser ${at} at ${percent} %`).toBe((before[at]?.connects ?? 0) + moved);
    }
  }
  await on.stopBackground();
  await hostility.stop();
  if (HOSTILE > 0) console.log(`${hostility.acts()} hostile acts`, JSON.stringify(await on.status()));
};

const nobodyNoticed = async (on: CutoverScenario, browsers: number): Promise<void> => {
  const verdict = await on.verdict();
  console.log(
    on.other.name,
    verdict.counts,
    `${verdict.deliveries} deliveries`,
    `${verdict.doubledByMove} events doubled and ${verdict.missedByMove} missed by a move`,
    latencies(on.log),
  );
  expect(verdict.examples).toEqual([]);
  expect(verdict.counts).toEqual(nothingWrong);
  expect(verdict.lostInFaults).toBe(0);
  expect((verdict.doubledByMove + verdict.missedByMove) / verdict.expected).toBeLessThan(OUTRUN_SHARE);
  expect(verdict.expected).toBeGreaterThan(browsers * 50);
};

const kinds = upstreamKinds();

describe.each(kinds)('11.18 the walk beside $name', (kind) => {
  test('11.18 nobody notices: 0 → 5 → 25 → 50 → 100 → 0 % under load', { timeout: WALK_MS }, async () => {
    stage = await CutoverScenario.open(kind, { browsers: BROWSERS });
    expect(stage.count('wavehall')).toBe(0);
    await walk(stage);
    await nobodyNoticed(stage, BROWSERS);
  });
});

describe.each(kinds.slice(-1))('11.18 the walk of two nodes beside $name', (kind) => {
  test('11.18 nobody notices: two nodes, one percentage, one bridge each', { timeout: WALK_MS }, async () => {
    stage = await CutoverScenario.open(kind, { browsers: FEW_BROWSERS, nodes: 2 });
    await walk(stage);
    await nobodyNoticed(stage, FEW_BROWSERS);
  });
});
