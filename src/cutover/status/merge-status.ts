import type { Side } from '../sides.ts';
import type { BridgeState } from '../bridge/bridge.ts';
import type { SideReport } from '../watch/health.ts';
import type { WindowSummary } from '../watch/sliding-window.ts';
import { bridgeCounts } from './bridge-counters.ts';
import type { CutoverStatus, SplitCounts } from './status-report.ts';

/**
 * Merges the statuses of all workers: sums counts, takes the maximum of durations, ANDs booleans. What is the same on every
 * worker is taken from `own`, the status of the worker that answers.
 */
export function mergeStatus(own: CutoverStatus, all: readonly CutoverStatus[]): CutoverStatus {
  const { health } = own.watch;
  const sideOf = (side: Side): SideReport =>
    mergeSide(
      health[side],
      all.map(({ watch }) => watch.health[side]),
    );
  return {
    ...own,
    percentage: { ...own.percentage, isShared: all.every(({ percentage }) => percentage.isShared) },
    split: mergeSplit(all.map(({ split }) => split)),
    watch: { ...own.watch, health: { wavehall: sideOf('wavehall'), upstream: sideOf('upstream') } },
    bridge: own.bridge.map((state) =>
      mergeBridge(
        state,
        all.flatMap(({ bridge }) => bridge.filter(({ app }) => app === state.app)),
      ),
    ),
  };
}

const sumOf = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/** `null` when no worker measured anything. */
function maxOf(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : Math.max(...known);
}

function mergeSplit(all: readonly SplitCounts[]): SplitCounts {
  const both = (name: keyof SplitCounts): Record<Side, number> => ({
    wavehall: sumOf(all.map((each) => each[name].wavehall)),
    upstream: sumOf(all.map((each) => each[name].upstream)),
  });
  return { open: both('open'), total: both('total'), failovers: both('failovers') };
}

const mergeWindow = (all: readonly WindowSummary[]): WindowSummary => ({
  good: sumOf(all.map(({ good }) => good)),
  bad: sumOf(all.map(({ bad }) => bad)),
  p50Ms: maxOf(all.map(({ p50Ms }) => p50Ms)),
  p99Ms: maxOf(all.map(({ p99Ms }) => p99Ms)),
});

function mergeSide(own: SideReport, all: readonly SideReport[]): SideReport {
  const breaches = new Map(all.flatMap((each) => each.breaches.map((breach) => [breach.of, breach])));
  return {
    ...own,
    connects: mergeWindow(all.map(({ connects }) => connects)),
    subscribes: mergeWindow(all.map(({ subscribes }) => subscribes)),
    api: mergeWindow(all.map(({ api }) => api)),
    delivery: mergeWindow(all.map(({ delivery }) => delivery)),
    arrivals: mergeWindow(all.map(({ arrivals }) => arrivals)),
    clients: mergeWindow(all.map(({ clients }) => clients)),
    loopMs: maxOf(all.map(({ loopMs }) => loopMs)),
    breaches: [...breaches.values()],
  };
}

function mergeBridge(own: BridgeState, all: readonly BridgeState[]): BridgeState {
  const reasons = new Set(all.flatMap(({ dropped }) => Object.keys(dropped)));
  const total = (of: (state: BridgeState) => number): number => sumOf(all.map(of));
  return {
    ...own,
    ...bridgeCounts((name) => total((state) => state[name])),
    channels: total(({ channels }) => channels),
    members: total(({ members }) => members),
    connections: total(({ connections }) => connections),
    connected: all.every(({ connected }) => connected),
    queue: {
      events: total(({ queue }) => queue.events),
      bytes: total(({ queue }) => queue.bytes),
      oldestMs: maxOf(all.map(({ queue }) => queue.oldestMs)) ?? 0,
    },
    dropped: Object.fromEntries(
      [...reasons].map((reason) => [reason, total(({ dropped }) => dropped[reason] ?? 0)]),
    ),
    lagMs: maxOf(all.map(({ lagMs }) => lagMs)) ?? undefined,
    lastError: all.find(({ lastError }) => lastError !== undefined)?.lastError,
  };
}
