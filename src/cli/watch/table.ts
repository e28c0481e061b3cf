import { bold, counted, red, shown, table } from '../client/output.ts';
import type { Figures, TrafficFigures, WorkerFigures } from './figures.ts';

const MEBIBYTE = 1024 * 1024;

/** Figures of a server as lines of a terminal: those of all, of each app, and of each worker. */
export function figureLines(figures: Figures): string[] {
  const { workers, workersWanted } = figures;
  const warnings = [...new Set(workers.flatMap((worker) => worker.warnings))];
  return [
    ...warnings.map((warning) => red(`! ${shown(warning)}`)),
    ...trafficTable(figures),
    ...(workers.length > 1 || workersWanted > 1 ? ['', ...workerTable(workers)] : []),
  ];
}

/** `Wavehall 1.0 on web-1   ready   2 of 2 workers`. */
export function headLine({ workers, workersWanted }: Figures): string {
  const [first] = workers;
  const isReady = workers.length >= workersWanted && workers.every(({ ready }) => ready);
  return [
    bold(`Wavehall ${shown(first?.version ?? '')} on ${shown(first?.host ?? '')}`),
    isReady ? 'ready' : red('NOT READY'),
    ...(workersWanted === 1 ? [] : [`${workers.length} of ${counted(workersWanted, 'worker')}`]),
    `up ${duration(Math.min(...workers.map(({ uptimeSeconds }) => uptimeSeconds)))}`,
    mebibytes(sumOf(workers, 'memoryBytes')),
  ].join('   ');
}

/** The figures in one line, for those who read no table. */
export function summaryLine({ workers, traffic }: Figures): string {
  return [
    counted(sumOf(workers, 'connections'), 'connection'),
    ...(traffic === undefined
      ? []
      : [
          `${rate(traffic.messages)} messages/s`,
          `${rate(traffic.deliveries)} deliveries/s`,
          `${rate(traffic.errors)} errors/s`,
          `p50 ${ms(traffic.p50Ms)}`,
          `p99 ${ms(traffic.p99Ms)}`,
        ]),
  ].join('   ');
}

function trafficTable({ workers, traffic, apps, moreApps }: Figures): string[] {
  const names = ['connections', 'messages/s', 'deliveries/s', 'errors/s'];
  const now = sumOf(workers, 'connections');
  const all = traffic?.app === '' ? { ...traffic, connections: now } : traffic;
  const row = ({ connections, messages, deliveries, errors }: TrafficFigures): string[] => [
    String(connections),
    ...[messages, deliveries, errors].map(rate),
  ];
  const first =
    all === undefined
      ? ['all', String(now), '…', '…', '…', '…', '…', '…']
      : [all.app || 'all', ...row(all), ms(all.p50Ms), ms(all.p99Ms), ms(all.loopDelayMs)];
  const others = apps.map((each) => [each.app, ...row(each), '', '', '']);
  return [
    ...table(['app', ...names, 'p50', 'p99', 'event loop'], [first, ...others], ''),
    ...(moreApps > 0 ? [`and ${counted(moreApps, 'more app')}: choose one with --app`] : []),
  ];
}

const workerTable = (workers: readonly WorkerFigures[]): string[] =>
  table(
    ['worker', 'ready', 'connections', 'up', 'memory'],
    workers.map((each) => [
      each.pid,
      each.ready ? 'yes' : 'NO',
      each.connections,
      duration(each.uptimeSeconds),
      mebibytes(each.memoryBytes),
    ]),
    'No worker answered.',
  );

const sumOf = (workers: readonly WorkerFigures[], name: 'connections' | 'memoryBytes'): number =>
  workers.reduce((sum, worker) => sum + worker[name], 0);

const rate = (value: number): string => value.toFixed(value < 100 ? 1 : 0);

const ms = (value: number | undefined): string => (value === undefined ? '–' : `${Math.round(value)} ms`);

const mebibytes = (bytes: number): string => `${Math.round(bytes / MEBIBYTE)} MiB`;

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** The two largest units: `1 d 3 h`. */
function duration(seconds: number): string {
  const from = UNITS.findIndex(([, size]) => seconds >= size);
  const parts = UNITS.slice(from < 0 ? -1 : from).slice(0, 2);
  let rest = Number.isFinite(seconds) ? Math.floor(seconds) : 0;
  return parts
    .map(([unit, size]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return `${count} ${unit}`;
    })
    .join(' ');
}
