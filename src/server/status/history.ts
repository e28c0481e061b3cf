import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HistorySource } from '../../admin/routes/history.ts';
import {
  HISTORY_STEP_MS,
  HISTORY_STEPS,
  type HistoryPart,
  type HistoryQuery,
  lastStepAt,
  type ProcessSample,
  TrafficHistory,
} from '../../core/traffic/history.ts';
import { mergeHistory } from '../../core/traffic/history-merge.ts';
import type { Traffic } from '../../core/traffic/traffic.ts';
import type { WorkerGroup } from '../worker-group.ts';

const HISTORY_REQUEST = 'history';
/** Time that each process has to add a step that has ended. */
const SETTLE_MS = 2000;
/** Measures the delay of the event loop twenty times a second. */
const RESOLUTION_MS = 50;

/** Begins the history of this process, and reads that of all workers. */
export function openHistory(
  traffic: Traffic,
  workers: WorkerGroup | undefined,
  isOpen: () => boolean,
): HistorySource {
  const own = new TrafficHistory({ traffic, measure: processSampler(), clock: Date.now, isOpen });
  own.start();
  workers?.onRequest(HISTORY_REQUEST, (query) => own.read(query as HistoryQuery));
  const read = async (sinceMs: number, app: string | undefined): Promise<object> => {
    const to = lastStepAt(Date.now() - SETTLE_MS);
    const from = Math.max(to - HISTORY_STEPS + 1, Math.ceil(sinceMs / HISTORY_STEP_MS));
    const query: HistoryQuery = { from, to, app };
    const parts =
      workers === undefined ? [own.read(query)] : await workers.requestAll(HISTORY_REQUEST, query);
    return mergeHistory(parts as HistoryPart[], from, Math.max(0, to - from + 1));
  };
  return { read };
}

/** Reads the delay of the event loop since the last call (its 99th percentile), and the memory of the process. */
function processSampler(): () => ProcessSample {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  return () => {
    const loopDelayMs = Math.max(0, Math.round(delay.percentile(99) / 1e6 - RESOLUTION_MS));
    delay.reset();
    return { loopDelayMs, memoryBytes: process.memoryUsage.rss() };
  };
}
