/**
 * Raises the percentage from 0 to 100 and lowers it again under constant load. The log of everything that was sent and received is checked
 * afterwards. WAVEHALL_TEST_UPSTREAM or WAVEHALL_TEST_UPSTREAM_START (see upstream.ts) runs it with any other server as the upstream.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { KINDS } from '../support/delivery/delivery-checker.ts';
import { startHostileClients } from './hostile-clients.ts';
import { upstreamKinds } from './upstream.ts';
import { CutoverScenario, latencies } from './scenario.ts';
import { sleep } from '../../src/core/util/time.ts';

const BROWSERS = Number(process.env.WALK_BROWSERS ?? 200);
const FEW_BROWSERS = Math.ceil(BROWSERS / 3);
/** Duration of the load at each step, after all browsers have reached the side of their bucket. */
const STEP_MS = Number(process.env.WALK_STEP_MS ?? 1500);
/** Number of hostile clients during the walk, which do only what any client may; set by hand. */
const HOSTILE = Number(process.env.WALK_HOSTILE ?? 0);
/** Number of equal events that are published on each side at the same time. */
const EQUAL_EVENTS = 15;
const STEPS = [5, 25, 50, 100, 0];
const WALK_MS = 120_000;

/** Largest share of events that browsers receive twice or not at all because they change sides while an event crosses the bridge. */
const MAX_SHARE_AFFECTED_BY_MOVES = 0.002;

const noFaults = Object.fromEntries(KINDS.map((kind) => [kind, 0]));

let opened: CutoverScenario | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
});

/** Sets each percentage in turn, and checks that a browser that changes sides reconnects once. */
const walk = async (scenario: CutoverScenario): Promise<void> => {
  const hostileClients = startHostileClients(scenario.frontDoor(), HOSTILE);
  scenario.startLoad();
  await sleep(STEP_MS);
  for (const percent of STEPS) {
    const before = scenario.browsers.map(({ side, connects }) => ({ side, connects }));
    await scenario.set(percent);
    await scenario.waitUntilPlaced(percent);
    await sleep(STEP_MS);
    if (percent === 50)
      for (const channel of ['walk-0', 'presence-walk-1'])
        expect(
          await scenario.publishEqualEvents(channel, EQUAL_EVENTS),
          `equal events on ${channel}`,
        ).toEqual([2 * EQUAL_EVENTS]);
    for (const [at, { side, connects }] of scenario.browsers.entries()) {
      const moved = side === before[at]?.side ? 0 : 1;
      expect(connects, `connects of browser ${at} at ${percent} %`).toBe((before[at]?.connects ?? 0) + moved);
    }
  }
  await scenario.stopBackground();
  await hostileClients.stop();
  if (HOSTILE > 0)
    console.log(`${hostileClients.acts()} hostile acts`, JSON.stringify(await scenario.status()));
};

const expectNoFaults = async (scenario: CutoverScenario, browsers: number): Promise<void> => {
  const verdict = await scenario.verdict();
  console.log(
    scenario.upstream.name,
    verdict.counts,
    `${verdict.deliveries} deliveries`,
    `${verdict.doubledByMove} events doubled and ${verdict.missedByMove} missed by a move`,
    latencies(scenario.log),
  );
  expect(verdict.examples).toEqual([]);
  expect(verdict.counts).toEqual(noFaults);
  expect(verdict.lostInFaults).toBe(0);
  expect((verdict.doubledByMove + verdict.missedByMove) / verdict.expected).toBeLessThan(
    MAX_SHARE_AFFECTED_BY_MOVES,
  );
  expect(verdict.expected).toBeGreaterThan(browsers * 50);
};

const kinds = upstreamKinds();

describe.each(kinds)('11.18 from 0 to 100 percent and back with $name as the upstream', (kind) => {
  test(
    '11.18 loses and doubles no event at 0 → 5 → 25 → 50 → 100 → 0 % under load',
    { timeout: WALK_MS },
    async () => {
      opened = await CutoverScenario.open(kind, { browsers: BROWSERS });
      expect(opened.count('wavehall')).toBe(0);
      await walk(opened);
      await expectNoFaults(opened, BROWSERS);
    },
  );
});

describe.each(kinds.slice(-1))('11.18 two nodes with $name as the upstream', (kind) => {
  test(
    '11.18 loses and doubles no event with one percentage for both nodes and one bridge for each',
    { timeout: WALK_MS },
    async () => {
      opened = await CutoverScenario.open(kind, { browsers: FEW_BROWSERS, nodes: 2 });
      await walk(opened);
      await expectNoFaults(opened, FEW_BROWSERS);
    },
  );
});
