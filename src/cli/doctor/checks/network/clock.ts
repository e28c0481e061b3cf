import type { Context } from '../../context.ts';
import { clockIn } from '../../network/identity.ts';
import { type Finding, ok, problem, skipped } from '../../report/finding.ts';

const DRIFT_SECONDS = 60;
/** Window of every server of the protocol, unless another is configured. */
const USUAL_WINDOW_SECONDS = 600;

/** Compares the clock of this machine with that of the server, by the Date header of its answers. */
export async function checkClock({ network, server }: Context): Promise<Finding[]> {
  const { publish } = network.options;
  const { published } = await network.roundTrip();
  const seconds =
    (published?.kind === 'answer' ? clockIn(published.answer.headers, Date.now()) : undefined) ??
    (publish && (await network.identity(publish)).clockSeconds);
  if (seconds === undefined) return [skipped('clock', 'the server sends no Date header')];
  const window = server.apps?.[0]?.limits.authWindowSeconds ?? USUAL_WINDOW_SECONDS;
  const text = `the clock of the server is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead'}`;
  const fix = { run: 'timedatectl set-ntp true' };
  if (window > 0 && Math.abs(seconds) > window)
    return [problem('clock-differs', `${text}; ${window} s are allowed (WAVEHALL_AUTH_WINDOW)`, fix)];
  if (Math.abs(seconds) > DRIFT_SECONDS)
    return [
      problem(
        'clock-drifts',
        `${text}; ${window === 0 ? 'any time is' : `${window} s are`} allowed (WAVEHALL_AUTH_WINDOW)`,
        fix,
      ),
    ];
  return [ok('clock', Math.abs(seconds) <= 2 ? 'the clocks agree' : text)];
}
