/**
 * All attacks through the front door of a cutover, when all clients go to the upstream and when none does. The short form runs beside
 * a stand-in for Reverb; by hand `WAVEHALL_HOSTILE=long` for more of each, and WAVEHALL_TEST_UPSTREAM_START for a real Reverb.
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
const LONGEST_MS = IS_LONG ? 1_800_000 : 120_000;
/** The canary's own, and requests on their way. */
const OTHER_SOCKETS_MOST = 16;

describe.each([0, 100])('a front door that sends %d percent of the clients to Wavehall', (percent) => {
  let stage: CutoverScenario;
  beforeAll(async () => {
    const kind = upstreamKinds().at(-1);
    if (kind === undefined) throw new Error('no other side');
    stage = await CutoverScenario.open(kind, {
      browsers: 0,
      env: {
        WAVEHALL_CUTOVER_PERCENT: String(percent),
        // Unfinished requests are waited for.
        WAVEHALL_REQUEST_TIMEOUT: '2',
        // What a loaded machine may do to times is not judged here.
        WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS: '10000',
      },
    });
  });
  afterAll(() => stage.close());

  const status = (): Promise<CutoverStatus> => stage.status() as unknown as Promise<CutoverStatus>;

  /** Sockets at the upstream that clients of the front door have, and all others. */
  const socketsThere = (): { door: number; others: number } => {
    const { proxy: front } = stage.other;
    return { door: front.count('front-door'), others: front.count('request') + front.count('bridge') };
  };

  test.each(attacks(SIZES))(
    '11.12 survives $name, leaves no socket at the upstream, moves no client, and serves honest clients of both',
    async (each) => {
      const target: Target = {
        ...APP,
        ...stage.door(),
        prefix: '',
        pid: stage.server.pid,
        isAnsweredElsewhere: percent === 0,
      };
      const elsewhere = await HonestClient.open(stage.other.app);
      const outcome = await attack(target, each, { seed: SEED });
      await elsewhere.close(10_000);
      console.log(
        `${percent} %: ${outcomeLine(outcome)}; beside it ${Math.round(elsewhere.longestPingMs)} ms`,
      );
      // What another server answers is its own.
      expect(percent === 0 ? outcome.lasting : outcome.faults).toEqual([]);
      expect(elsewhere.wasClosed).toBe(false);
      await eventually(
        () => socketsThere().door === 0 && socketsThere().others <= OTHER_SOCKETS_MOST,
        () => `no socket is left at the other server: ${JSON.stringify(socketsThere())}`,
        30_000,
      );
      const { percentage, watch } = await status();
      expect([percentage.percent, watch.rollback.last]).toEqual([percent, null]);
    },
    LONGEST_MS,
  );

  test('8.3 logs no error during the attacks', () => {
    const isError = (line: string): boolean => /"level":(50|60)/.test(line);
    expect(stage.server.output().split('\n').filter(isError)).toEqual([]);
  });
});
