import type { BridgeState, Side } from '../cutover/ports.ts';
import type { CutoverStatus, SplitCounts } from '../cutover/status/status-report.ts';

type SideReport = CutoverStatus['watch']['health'][Side];
type Figures = SideReport['connects'];

/**
 * The state of the cutover on all workers, from that of each; `own` is one of them and tells what is the same everywhere.
 * Counts are added up, of times the worst is told, and what is true of all but one is not true.
 */
export function joinedStatus(own: CutoverStatus, all: readonly CutoverStatus[]): CutoverStatus {
  const { health } = own.watch;
  const sideOf = (side: Side): SideReport =>
    joinedSide(
      health[side],
      all.map(({ watch }) => watch.health[side]),
    );
  return {
    ...own,
    percentage: { ...own.percentage, isShared: all.every(({ percentage }) => percentage.isShared) },
    split: joinedSplit(all.map(({ split }) => split)),
    watch: { ...own.watch, health: { wavehall: sideOf('wavehall'), upstream: sideOf('upstream') } },
    bridge: own.bridge.map((state) =>
      joinedBridge(
        state,
        all.flatMap(({ bridge }) => bridge.filter(({ app }) => app === state.app)),
      ),
    ),
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/** `null` where nobody measured anything. */
function worst(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

function joinedSplit(all: readonly SplitCounts[]): SplitCounts {
  const both = (name: keyof SplitCounts): Record<Side, number> => ({
    wavehall: sum(all.map((each) => each[name].wavehall)),
    upstream: sum(all.map((each) => each[name].upstream)),
  });
  return { open: both('open'), total: both('total'), failovers: both('failovers') };
}

const joinedFigures = (all: readonly Figures[]): Figures => ({
  good: sum(all.map(({ good }) => good)),
  bad: sum(all.map(({ bad }) => bad)),
  p50Ms: worst(all.map(({ p50Ms }) => p50Ms)),
  p99Ms: worst(all.map(({ p99Ms }) => p99Ms)),
});

function joinedSide(own: SideReport, all: readonly SideReport[]): SideReport {
  const breaches = new Map(all.flatMap((each) => each.breaches.map((breach) => [breach.of, breach])));
  return {
    ...own,
    connects: joinedFigures(all.map(({ connects }) => connects)),
    subscribes: joinedFigures(all.map(({ subscribes }) => subscribes)),
    api: joinedFigures(all.map(({ api }) => api)),
    delivery: joinedFigures(all.map(({ delivery }) => delivery)),
    arrivals: joinedFigures(all.map(({ arrivals }) => arrivals)),
    clients: joinedFigures(all.map(({ clients }) => clients)),
    loopMs: worst(all.map(({ loopMs }) => loopMs)),
    breaches: [...breaches.values()],
  };
}

const ADDED = [
  ...(['channels', 'members', 'connections', 'forwarded', 'received', 'whispersSent'] as const),
  ...(['whispersReceived', 'echoesDropped', 'gaps', 'gapMs'] as const),
];

function joinedBridge(own: BridgeState, all: readonly BridgeState[]): BridgeState {
  const added = ADDED.map((name) => [name, sum(all.map((each) => each[name]))]);
  const reasons = new Set(all.flatMap(({ dropped }) => Object.keys(dropped)));
  return {
    ...own,
    ...(Object.fromEntries(added) as Record<(typeof ADDED)[number], number>),
    connected: all.every(({ connected }) => connected),
    queue: {
      events: sum(all.map(({ queue }) => queue.events)),
      bytes: sum(all.map(({ queue }) => queue.bytes)),
      oldestMs: worst(all.map(({ queue }) => queue.oldestMs)) ?? 0,
    },
    dropped: Object.fromEntries(
      [...reasons].map((reason) => [reason, sum(all.map(({ dropped }) => dropped[reason] ?? 0))]),
    ),
    lagMs: worst(all.map(({ lagMs }) => lagMs)) ?? undefined,
    lastError: all.find(({ lastError }) => lastError !== undefined)?.lastError,
  };
}
