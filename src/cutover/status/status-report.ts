import type { CanaryStatus } from '../watch/canary.ts';
import type { SideReport } from '../watch/health.ts';
import type { PercentageState } from '../ports/percentage.ts';
import type { Side } from '../sides.ts';
import type { BridgeState } from '../bridge/bridge.ts';
import { SIDE_NAMES, SIDES } from '../sides.ts';
import type { RollbackStatus } from '../watch/rollback.ts';
import type { WatchStatus } from '../watch/watch.ts';
import {
  columns,
  inMs,
  EMPTY_CELL,
  type Paint,
  painter,
  printable,
  type ReportOptions,
  timeOf,
} from './table.ts';
import type { WindowSummary } from '../watch/sliding-window.ts';

/** Sockets of the front door by side: those open now, and all since the start. */
export interface SplitCounts {
  readonly open: Readonly<Record<Side, number>>;
  readonly total: Readonly<Record<Side, number>>;
  /** Upgrades that one side served because the other could not. */
  readonly failovers: Readonly<Record<Side, number>>;
}

/** Answer of `GET /admin/cutover`, printed by `wavehall cutover` (SPEC 11.5). */
export interface CutoverStatus {
  readonly upstream: string;
  readonly percentage: PercentageState & { readonly isShared: boolean };
  readonly split: SplitCounts;
  readonly watch: WatchStatus;
  readonly bridge: readonly BridgeState[];
}

/** The state of both servers side by side, and of the bridge (SPEC 11.5, 11.14). */
export function statusTable(status: CutoverStatus, options: ReportOptions): string {
  const paint = painter(options);
  const [head = '', ...body] = columns(sideRows(status));
  return [
    ...headLines(status, paint),
    '',
    CHECKS_LINE,
    paint('bold', head),
    ...body.slice(0, -1),
    colourHealth(body.at(-1) ?? '', paint),
    ...SIDES.flatMap((side) => breachLines(side, status.watch.health[side], paint)),
    ...bridgeLines(status.bridge, paint),
    ...noteLines(status),
    '',
  ].join('\n');
}

const CHECKS_LINE = 'Checks within WAVEHALL_CUTOVER_WINDOW_SECONDS: ok, failed, p50/p99 ms.';

function sideRows({ split, watch }: CutoverStatus): string[][] {
  const { wavehall, upstream } = watch.health;
  const counts = (name: string, { wavehall: ours, upstream: theirs }: SplitCounts['open']): string[] => [
    name,
    String(ours),
    String(theirs),
  ];
  return [
    ['', 'Wavehall', 'upstream'],
    counts('clients connected', split.open),
    counts('clients since start', split.total),
    counts('failovers', split.failovers),
    row('clients answered', wavehall.clients, upstream.clients),
    row('test connects', wavehall.connects, upstream.connects),
    row('test subscriptions', wavehall.subscribes, upstream.subscribes),
    row('signed API requests', wavehall.api, upstream.api),
    row('test events, same server', wavehall.delivery, upstream.delivery),
    row('test events from the other server', wavehall.arrivals, upstream.arrivals),
    ['event loop p99', inMs(wavehall.loopMs), EMPTY_CELL],
    ['health', healthOf(wavehall), healthOf(upstream)],
  ];
}

function headLines({ percentage, upstream }: CutoverStatus, paint: Paint): string[] {
  const { percent, lastGood, changedAtMs, changedBy, isShared } = percentage;
  const changed =
    changedAtMs === 0
      ? ''
      : `, set ${new Date(changedAtMs).toISOString().slice(0, 19)}Z by ${printable(changedBy)}`;
  return [
    `${paint('bold', `Wavehall has ${percent} %`)} of the browsers${changed}`,
    `Last good: ${lastGood} %. Upstream: ${printable(upstream)}`,
    ...(isShared
      ? []
      : [paint('red', 'The last change is not saved yet: other nodes and the next start do not have it.')]),
  ];
}

const row = (name: string, ...sides: readonly WindowSummary[]): string[] => [name, ...sides.map(countsOf)];

/** `120 ok, 3 failed (2.4 %), 4/11 ms`: the times are p50 and p99. */
function countsOf({ good, bad, p50Ms, p99Ms }: WindowSummary): string {
  if (good + bad === 0) return EMPTY_CELL;
  const failed = bad === 0 ? '' : `, ${bad} failed (${((100 * bad) / (good + bad)).toFixed(1)} %)`;
  const times = p50Ms === null ? '' : `, ${Math.round(p50Ms)}/${Math.round(p99Ms ?? 0)} ms`;
  return `${good} ok${failed}${times}`;
}

const HEALTHY = 'good';

function healthOf({ breaches, connects, delivery }: SideReport): string {
  if (breaches.length > 0) return `BREACH: ${breaches.map((each) => each.of).join(', ')}`;
  const isKnown = connects.good + connects.bad + delivery.good + delivery.bad > 0;
  return isKnown ? HEALTHY : 'not known yet';
}

const colourHealth = (line: string, paint: Paint): string =>
  paint(line.includes('BREACH') ? 'red' : 'green', line);

const breachLines = (side: Side, { breaches }: SideReport, paint: Paint): string[] =>
  breaches.map(({ text }) => paint('red', `! ${SIDE_NAMES[side]}: ${text}`));

const BRIDGE_COLUMNS: readonly (readonly [head: string, cell: (bridge: BridgeState) => string])[] = [
  ['bridge', ({ app }) => printable(app)],
  ['state', ({ connected }) => (connected ? 'connected' : 'DISCONNECTED')],
  ['channels', ({ channels }) => String(channels)],
  ['members', ({ members }) => String(members)],
  ['sockets', ({ connections }) => String(connections)],
  ['to upstream', ({ forwarded }) => String(forwarded)],
  ['from upstream', ({ received }) => String(received)],
  [
    'client events',
    ({ clientEventsSent, clientEventsReceived }) => `${clientEventsSent}/${clientEventsReceived}`,
  ],
  ['waiting', ({ queue }) => String(queue.events)],
  ['ping', ({ lagMs }) => inMs(lagMs ?? null)],
  ['dropped', ({ dropped }) => String(Object.values(dropped).reduce((sum, count) => sum + count, 0))],
  ['gaps (total time)', ({ gaps, gapMs }) => (gaps === 0 ? '0' : `${gaps} (${inMs(gapMs)})`)],
];

function bridgeLines(bridge: readonly BridgeState[], paint: Paint): string[] {
  if (bridge.length === 0) return [];
  const head = BRIDGE_COLUMNS.map(([name]) => name);
  const rows = bridge.map((each) => BRIDGE_COLUMNS.map(([, cell]) => cell(each)));
  const [first = '', ...lines] = columns([head, ...rows]);
  return [
    '',
    paint('bold', first),
    ...lines.map((line, at) => (bridge[at]?.connected === true ? line : paint('red', line))),
    ...bridge.flatMap((each) => troubleOf(each)),
  ];
}

function troubleOf({ app, connected, lastError, dropped }: BridgeState): string[] {
  const reasons = Object.entries(dropped).filter(([, count]) => count > 0);
  const lost = reasons.map(([reason, count]) => `${count} ${reason}`).join(', ');
  return [
    ...(lost === '' ? [] : [`! ${printable(app)} dropped: ${printable(lost)}`]),
    ...(connected || lastError === undefined ? [] : [`! ${printable(app)}: ${printable(lastError)}`]),
  ];
}

function noteLines({ watch: { rollback, canary, notifications } }: CutoverStatus): string[] {
  const undelivered = notifications === null ? 0 : notifications.failed + notifications.dropped;
  const notes = [
    ...rollbackNotes(rollback),
    ...(canary === null ? ['There is no canary (WAVEHALL_CUTOVER_CANARY_SECONDS=0).'] : canaryNotes(canary)),
    ...(undelivered === 0 ? [] : [`${undelivered} notifications could not be delivered.`]),
  ];
  return notes.length === 0 ? [] : ['', ...notes];
}

function rollbackNotes({ last, isBlocked, breachSinceMs }: RollbackStatus): string[] {
  const notes: string[] = [];
  if (isBlocked)
    notes.push(
      'Rollback blocked: Wavehall exceeds a limit, and the percentage stays, because the upstream cannot be reached.',
    );
  else if (breachSinceMs !== null)
    notes.push(`Wavehall has exceeded a limit since ${timeOf(breachSinceMs)}.`);
  if (last !== null) {
    const why = last.reasons.map(({ text }) => text).join('; ');
    notes.push(
      `Last rollback: ${timeOf(last.atMs)}, from ${last.fromPercent} % to ${last.toPercent} %: ${why}`,
    );
  }
  return notes;
}

const canaryNotes = ({ notAllowed, doubled }: CanaryStatus): string[] =>
  SIDES.flatMap((side) => [
    ...(notAllowed[side] === null
      ? []
      : [`The test client (canary) is refused by ${SIDE_NAMES[side]}: ${printable(notAllowed[side])}`]),
    ...(doubled[side] === 0 ? [] : [`${doubled[side]} canary events arrived twice at ${SIDE_NAMES[side]}.`]),
  ]);
