import type { ChannelFindings } from './compare-channel.ts';
import type { Comparison } from './compare.ts';
import type { Side } from '../sides.ts';
import { columns, EMPTY_CELL, type Paint, painter, printable, type ReportOptions } from '../status/table.ts';

const MS_PER_MINUTE = 60_000;

type Row = readonly [channel: string, found: ChannelFindings];

const COLUMNS: readonly (readonly [head: string, cell: (row: Row) => string])[] = [
  ['channel', ([channel]) => printable(channel)],
  ['Wavehall', ([, { received }]) => String(received.wavehall)],
  ['upstream', ([, { received }]) => String(received.upstream)],
  ['same', ([, { same }]) => String(same)],
  ['missing', ([, { missing }]) => `${missing.wavehall}/${missing.upstream}`],
  ['doubled', ([, { doubled }]) => `${doubled.wavehall}/${doubled.upstream}`],
  ['different', ([, { different }]) => String(different)],
  ['reordered', ([, { reordered }]) => String(reordered)],
  ['crossed', ([, { crossed }]) => String(crossed)],
  ['Wavehall behind', ([, { behind }]) => behindIn(behind.wavehall)],
  ['upstream behind', ([, { behind }]) => behindIn(behind.upstream)],
];

const behindIn = ({ p50Ms, p99Ms }: ChannelFindings['behind'][Side]): string =>
  p50Ms === null ? EMPTY_CELL : `${Math.round(p50Ms)}/${Math.round(p99Ms ?? 0)} ms`;

/** Findings channel by channel, and the verdict (SPEC 11.16). */
export function comparisonTable(comparison: Comparison, options: ReportOptions): string {
  const paint = painter(options);
  const channels = Object.entries(comparison.channels);
  const examples = channels.flatMap(([channel, found]) =>
    found.examples.map((each) => `  ${printable(channel)}: ${printable(each)}`),
  );
  return [
    ...(channels.length === 0 ? [] : channelLines(channels, comparison.judgedMs, paint)),
    ...(examples.length === 0 ? [] : ['First faults:', ...examples, '']),
    comparison.isGo ? paint('green', 'GO: both servers delivered the same events.') : paint('red', 'NO GO:'),
    ...comparison.reasons.map((each) => `  ${printable(each)}`),
    '',
  ].join('\n');
}

function channelLines(channels: readonly Row[], judgedMs: number, paint: Paint): string[] {
  const head = COLUMNS.map(([name]) => name);
  const rows = channels.map((row) => COLUMNS.map(([, cell]) => cell(row)));
  const [first = '', ...lines] = columns([head, ...rows]);
  const span = spanOf(judgedMs);
  return [
    `Compared for ${span}; missing and doubled: Wavehall/upstream; behind: p50/p99`,
    '',
    paint('bold', first),
    ...lines,
    '',
  ];
}

const spanOf = (ms: number): string =>
  ms < MS_PER_MINUTE
    ? `${Number((ms / 1000).toFixed(1))} s`
    : `${Number((ms / MS_PER_MINUTE).toFixed(1))} min`;
