/** Tables of all figures: text for a terminal, Markdown for the documentation. */
import type { LeftOut, Row } from './figures.ts';
import { goalsOf } from './figures.ts';
import type { Machine } from './machine.ts';

/** Results of one scenario. */
export interface Report {
  readonly scenario: string;
  readonly title: string;
  readonly machine: Machine;
  readonly generator: string;
  readonly pinning: string;
  readonly sizes: string;
  readonly rows: readonly Row[];
  readonly leftOut: readonly LeftOut[];
}

const HEAD = ['scenario', 'figure', 'server', 'value', 'ratios', 'goal', 'with it'];

export function facts({ machine, generator, pinning, sizes }: Report): string[] {
  const { cpu, cores, memoryGiB, kernel, node, date, load, openFiles } = machine;
  return [
    `${date} UTC, ${cpu}, ${cores} core${cores === 1 ? '' : 's'}, ${memoryGiB} GiB, ${kernel}, Node ${node}`,
    `load average ${load.toFixed(2)} before the run, ${openFiles} open files a process`,
    `${generator}; ${pinning}; ${sizes}`,
  ];
}

export function text(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size < 0.1 ? 3 : 2);
}

function cells(row: Row): string[] {
  const ratios = (row.against ?? []).map(({ to, ratio }) => `${text(ratio)} x ${to}`);
  const goals = goalsOf(row).map((goal) => `${goal.text}: ${goal.isMet ? 'met' : 'MISSED'}`);
  const more = Object.entries(row.more ?? {})
    .filter(([, value]) => value !== undefined)
    .map(([what, value]) => `${what} ${text(value)}`);
  return [
    row.scenario,
    row.figure,
    row.server,
    `${text(row.value)} ${row.unit}`,
    ratios.join(', '),
    goals.join(', '),
    [...more, ...(row.note === undefined ? [] : [row.note])].join(', '),
  ];
}

/** Puts all scenarios into one table, under the facts of the machine at the start of the first one. */
export function table(reports: readonly Report[]): string {
  const [first] = reports;
  const rows = [HEAD, ...reports.flatMap((each) => each.rows.map(cells))];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((each) => each[column]?.length ?? 0)));
  const lines = rows.map((each) =>
    each
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const missing = reports.flatMap(({ leftOut }) =>
    leftOut.map(({ what, why }) => `left out: ${what}: ${why}`),
  );
  return [...(first ? facts(first) : []), '', ...lines, ...(missing.length > 0 ? ['', ...missing] : [])].join(
    '\n',
  );
}

/** Formats the rows of one scenario for the documentation. */
export function markdown(report: Report): string {
  const head = HEAD.slice(1);
  const lines = report.rows.map((row) => `| ${cells(row).slice(1).join(' | ')} |`);
  const missing = report.leftOut.map(({ what, why }) => `- Left out: ${what}: ${why}`);
  return [
    ...facts(report).map((line) => `${line}.  `),
    '',
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...lines,
    ...(missing.length > 0 ? ['', ...missing] : []),
  ].join('\n');
}
