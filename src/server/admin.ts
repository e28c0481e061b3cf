import type { FastifyInstance } from 'fastify';
import type { CutoverControl } from '../admin/plugin.ts';
import type { Figure } from '../core/ports.ts';
import { cutoverFigures } from '../cutover/figures.ts';
import type { Cutover } from '../cutover/plugin.ts';

/** The admin API, when it has a token (SPEC 11.5); nothing of it is loaded otherwise. */
export async function openAdmin(
  http: FastifyInstance,
  token: string | undefined,
  cutover: Cutover | undefined,
  figures: readonly Figure[],
): Promise<void> {
  if (token === undefined) return;
  const [{ registerAdmin }, { openMetrics }] = await Promise.all([
    import('../admin/plugin.ts'),
    import('../observability/metrics.ts'),
  ]);
  const metrics = openMetrics([
    ...figures,
    ...(cutover === undefined ? [] : cutoverFigures(() => cutover.status())),
  ]);
  await registerAdmin(http, { token, metrics, cutover: cutover && controlOf(cutover) });
}

const controlOf = (cutover: Cutover): CutoverControl => ({
  status: () => cutover.status(),
  set: (percent, by, move) => cutover.percentage.set(percent, by, move),
  back: (to, by, move) => {
    const percent =
      to === 'last-good' ? Math.min(cutover.percentage.lastGood, cutover.percentage.percent) : 0;
    return cutover.percentage.set(percent, by, move);
  },
});
