import type { StatusSection } from '../../core/ports/status.ts';
import { SIDES } from '../sides.ts';
import type { CutoverStatus } from './status-report.ts';

/** Section `cutover` of the status of a process: the percentage, the clients of both sides, and what is over its limit. */
export const cutoverSection = (cutover: { status(): CutoverStatus }): StatusSection => ({
  name: 'cutover',
  read: () => {
    const { upstream, percentage, split, watch } = cutover.status();
    const overLimit = SIDES.flatMap((side) =>
      watch.health[side].breaches.map(({ text }) => `${side}: ${text}`),
    );
    return {
      ...{ upstream, percent: percentage.percent },
      ...{ clientsHere: split.open.wavehall, clientsAtUpstream: split.open.upstream, overLimit },
    };
  },
});
