import type { ChannelFindings } from './compare-channel.ts';
import type { Comparison } from './compare.ts';
import { columns, NONE, painter, plain, type ReportOptions } from './table.ts';

const MINUTE_MS = 60_000;

/** What the comparison found, channel by channel, and its verdict (SPEC 11.16). */
export function comparisonTable(comparison: Comparison, options: ReportOptions): string {
  const paint = painter(options);
  const head = [
    'channel',
    'Wavehall',
    'other',
    'same',
    'missing',
    'doubled',
    'different',
    'reordered',
    'crossed',
    'Wavehall behind',
    'other behind',
  ];
  const rows = Object.entries(comparison.channels).map(([channel, found]) => channelRow(channel, found));
  const [first = '', ...lines] = columns([head, ...rows]);
  const examples = Object.entries(comparison.channels).flatMap(([channel, found]) =>
    found.examples.map((each) => `  ${plain(channel)}: ${plain(each)}`),
  );
  return [
    ...(rows.length === 0
      ? []
      : [
          `Compared for ${spanOf(comparison.judgedMs)}; missing and doubled: Wavehall/other; behind: p50/p99`,
          '',
        ]),
    ...(rows.length === 0 ? [] : [paint('bold', first), ...lines, '']),
    ...(examples.length === 0 ? [] : ['First faults:', ...examples, '']),
    comparison.isGo ? paint('green', 'GO: both servers brought the same.') : paint('red', 'NO GO:'),
    ...comparison.reasons.map((each) => `  ${plain(each)}`),
    '',
  ].join('\n');
}

const channelRow = (channel: string, found: ChannelFindings): string[] => [
  plain(channel),
  String(found.heard.wavehall),
  String(found.heard.upstream),
  String(found.same),
  `${found.missing.wavehall}/${found.missing.upstream}`,
  `${found.doubled.wavehall}/${found.doubled.upstream}`,
  String(found.different),
  String(found.reordered),
  String(found.crossed),
  ...(['wavehall', 'upstream'] as const).map((side) => {
    const { p50Ms, p99Ms } = found.behind[side];
    return p50Ms === null ? NONE : `${Math.round(p50Ms)}/${Math.round(p99Ms ?? 0)} ms`;
  }),
];

const spanOf = (ms: number): string =>
  ms < MINUTE_MS ? `${Number((ms / 1000).toFixed(1))} s` : `${Number((ms / MINUTE_MS).toFixed(1))} min`;
