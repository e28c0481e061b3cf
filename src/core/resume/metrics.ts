import { counter, gauge, type Metric, scalar } from '../ports/metric.ts';

/** Metrics of the tabs of a node (SPEC 13.4, 13.8). */
export const tabMetrics = (tabs: {
  readonly open: number;
  readonly away: number;
  readonly dropped: number;
}): Metric[] => [
  gauge('resume_tabs', 'Tabs with an id: open here, or away and closed here.', ['state'], 'sum', () => [
    [['open'], tabs.open],
    [['away'], tabs.away],
  ]),
  counter(
    'resume_tabs_dropped_total',
    'Tabs whose places were not kept, because a limit was reached (WAVEHALL_RESUME_*).',
    [],
    () => scalar(tabs.dropped),
  ),
];
