import type { FastifyInstance } from 'fastify';
import type { CutoverControl, MoveOptions } from '../admin/plugin.ts';
import { Conflict } from '../admin/requests.ts';
import type { Metric } from '../core/ports/metric.ts';
import { cutoverMetrics } from '../cutover/status/metrics.ts';
import type { Cutover } from '../cutover/plugin.ts';
import type { CutoverStatus } from '../cutover/status/status-report.ts';
import type { WorkerMetrics } from '../observability/metrics.ts';
import { workerMetrics } from './metrics.ts';
import { joinedStatus } from './joined-status.ts';
import { JOINED } from './joined.ts';
import type { Siblings } from './siblings.ts';

export interface Administered {
  readonly cutover: Cutover | undefined;
  readonly figures: readonly Metric[];
  /** `undefined`: this process is the whole. */
  readonly siblings: Siblings | undefined;
}

/** The admin API, when it has a token (SPEC 11.5); nothing of it is loaded otherwise. */
export async function openAdmin(
  http: FastifyInstance,
  token: string | undefined,
  { cutover, figures, siblings }: Administered,
): Promise<void> {
  if (token === undefined) return;
  const [{ registerAdmin }, { openMetrics }] = await Promise.all([
    import('../admin/plugin.ts'),
    import('../observability/metrics.ts'),
  ]);
  const all = [
    ...figures,
    ...(cutover === undefined ? [] : cutoverMetrics(() => cutover.status())),
    ...(siblings === undefined ? [] : workerMetrics(siblings)),
  ];
  const metrics = openMetrics(all, siblings && everybody(siblings));
  await registerAdmin(http, { token, metrics, cutover: cutover && controlOf(cutover, siblings) });
}

const everybody = (siblings: Siblings): WorkerMetrics => ({
  mergeRules: JOINED,
  onCollect: (how) => siblings.answer('figures', how),
  collectAll: () => siblings.askAll('figures'),
});

function statusOf(cutover: Cutover, siblings: Siblings | undefined): CutoverControl['status'] {
  if (siblings === undefined) return () => cutover.status();
  siblings.answer('cutover', () => cutover.status());
  return async () => joinedStatus(cutover.status(), (await siblings.askAll('cutover')) as CutoverStatus[]);
}

const controlOf = (cutover: Cutover, siblings: Siblings | undefined): CutoverControl => ({
  status: statusOf(cutover, siblings),
  set: async (percent, by, how) => {
    if (how.move) await refuseDead(cutover, percent, how);
    await cutover.percentage.set(percent, by, how.move);
  },
  rollBack: async (to, by, how) => {
    const { lastGood, percent: present } = cutover.percentage;
    const percent = to === 'last-good' ? Math.min(lastGood, present) : 0;
    await refuseDead(cutover, percent, how);
    await cutover.percentage.set(percent, by, how.move);
  },
});

/** SPEC 11.5: a lower share moves people to the other server, which must be there. */
async function refuseDead(
  { percentage, whyOtherIsAway }: Cutover,
  percent: number,
  { force }: MoveOptions,
): Promise<void> {
  if (force || !(percent < percentage.percent)) return;
  const reason = await whyOtherIsAway();
  if (reason === undefined) return;
  throw new Conflict(
    `The other server cannot be connected (${reason}): nobody is moved there, and the share stays at ${percentage.percent} %. Add --force (admin API: "force":true) to lower it all the same.`,
  );
}
