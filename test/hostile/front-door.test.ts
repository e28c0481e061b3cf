/**
 * All attacks through the front door of a cutover, at 0 and at 100 percent. The short form runs with a fake Reverb; set
 * `WAVEHALL_HOSTILE=long` for more of each attack, and WAVEHALL_TEST_UPSTREAM_START for a real Reverb.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import type { CutoverStatus } from '../../src/cutover/status/status-report.ts';
import { upstreamKinds } from '../cutover/upstream.ts';
import { CutoverScenario } from '../cutover/scenario.ts';
import { eventually } from '../support/wire.ts';
import { attack } from './attack.ts';
import { attacks } from './attacks/index.ts';
import { HonestClient } from './honest-client.ts';
import { outcomeLine } from './report.ts';
import type { Target } from './target.ts';

const SEED = Number(process.env.HOSTILE_SEED ?? 1);
const IS_LONG = process.env.WAVEHALL_HOSTILE === 'long';
const SIZES = IS_LONG
  ? { requests: 50_000, frames: 200_000, seconds: 10 }
  : { requests: 200, frames: 1_000, seconds: 0.5, divisor: 10 };
const TIMEOUT_MS = IS_LONG ? 1_800_000 : 120_000;
/** The sockets of the canary, and requests in flight. */
const MAX_OTHER_SOCKETS = 16;

describe.each([0, 100])('a front door that sends %d percent of the clients to Wavehall', (percent) => {
  let scenario: CutoverScenario;
  beforeAll(async () => {
    const kind = upstreamKinds().at(-1);
    if (kind === undefined) throw new Error('no upstream');
    scenario = await CutoverScenario.open(kind, {
      browsers: 0,
      env: {
        WAVEHALL_CUTOVER_PERCENT: String(percent),
        // The attacks wait for the timeout of unfinished requests.
        WAVEHALL_REQUEST_TIMEOUT: '2',
        // A slow answer of a busy machine must not fail the canary.
        WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS: '10000',
      },
    });
  });
  afterAll(() => scenario.close());

  const status = (): Promise<CutoverStatus> => scenario.status() as unknown as Promise<CutoverStatus>;

  /** Sockets at the upstream: of the front door's clients, and all others. */
  const upstreamSockets = (): { door: number; others: number } => {
    const { proxy } = scenario.upstream;
    return { door: proxy.count('front-door'), others: proxy.count('request') + proxy.count('bridge') };
  };

  test.each(attacks(SIZES))(
    '11.12 survives $name, leaves no socket at the upstream, keeps the percentage, and serves honest clients of both servers',
    async (each) => {
      const target: Target = {
        ...APP,
        ...scenario.frontDoor(),
        prefix: '',
        pid: scenario.server.pid,
        isOtherServer: percent === 0,
      };
      const upstreamClient = await HonestClient.open(scenario.upstream.app);
      const outcome = await attack(target, each, { seed: SEED });
      await upstreamClient.close(10_000);
      // Answers of the upstream are not faults of Wavehall.
      const faults = percent === 0 ? outcome.lasting : outcome.faults;
      console.log(
        `${percent} %: ${outcomeLine({ ...outcome, faults })}; at the upstream ${Math.round(upstreamClient.longestPingMs)} ms`,
      );
      expect(faults).toEqual([]);
      expect(upstreamClient.wasClosed).toBe(false);
      await eventually(
        () => upstreamSockets().door === 0 && upstreamSockets().others <= MAX_OTHER_SOCKETS,
        () => `no socket is left at the upstream: ${JSON.stringify(upstreamSockets())}`,
        30_000,
      );
      const { percentage, watch } = await status();
      expect([percentage.percent, watch.rollback.last]).toEqual([percent, null]);
    },
    TIMEOUT_MS,
  );

  test('8.3 logs no error during the attacks', () => {
    const isError = (line: string): boolean => /"level":(50|60)/.test(line);
    expect(scenario.server.output().split('\n').filter(isError)).toEqual([]);
  });
});
