/**
 * From 0 to 100 percent and back under constant load. The log of everything that was sent and heard is read afterwards.
 * With WAVEHALL_OTHER_SIDE or WAVEHALL_OTHER_SIDE_START (see other-side.ts) the same walk goes along any other server.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { KINDS } from './checker.ts';
import { otherSides } from './other-side.ts';
import { Stage, latencies, pause } from './stage.ts';

const BROWSERS = Number(process.env.WALK_BROWSERS ?? 200);
/** How long the load goes on at each step, after everybody has arrived where he belongs. */
const STEP_MS = Number(process.env.WALK_STEP_MS ?? 1500);
/** Equal events that are published at each side at the same time. */
const TWINS = 15;
const STEPS = [5, 25, 50, 100, 0];
const WALK_MS = 120_000;

const nothingWrong = Object.fromEntries(KINDS.map((kind) => [kind, 0]));

let stage: Stage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

describe.each(otherSides())('11.18 the walk beside $name', (kind) => {
  test('11.18 nobody notices: 0 → 5 → 25 → 50 → 100 → 0 % under load', { timeout: WALK_MS }, async () => {
    stage = await Stage.open(kind, { browsers: BROWSERS });
    expect(stage.count('wavehall')).toBe(0);
    stage.makeNoise();
    await pause(STEP_MS);
    for (const percent of STEPS) {
      const before = stage.browsers.map(({ side, connects }) => ({ side, connects }));
      await stage.set(percent);
      await stage.everybodyIsPlaced(percent);
      await pause(STEP_MS);
      if (percent === 50)
        for (const channel of ['walk-0', 'presence-walk-1'])
          expect(await stage.twins(channel, TWINS), `equal events on ${channel}`).toEqual([2 * TWINS]);
      for (const [at, { side, connects }] of stage.browsers.entries()) {
        const moved = side === before[at]?.side ? 0 : 1;
        expect(connects, `connects of browser ${at} at ${percent} %`).toBe(
          (before[at]?.connects ?? 0) + moved,
        );
      }
    }
    await stage.silence();
    const verdict = await stage.verdict();
    console.log(kind.name, verdict.counts, `${verdict.deliveries} deliveries`, latencies(stage.log));
    expect(verdict.examples).toEqual([]);
    expect(verdict.counts).toEqual(nothingWrong);
    expect(verdict.expected).toBeGreaterThan(BROWSERS * 50);
  });
});
