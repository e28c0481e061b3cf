import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HistorySource } from '../../admin/routes/history.ts';
import {
  HISTORY_STEP_MS,
  HISTORY_STEPS,
  type HistoryPart,
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

/** Steps that are asked for, both included. */
interface HistoryRequest {
  readonly from: number;
  readonly to: number;
}

/** Begins the history of this process, and reads that of all workers. */
export function openHistory(
  traffic: Traffic,
  workers: WorkerGroup | undefined,
  isOpen: () => boolean,
): HistorySource {
  const own = new TrafficHistory({ traffic, measure: processSampler(), clock: Date.now, isOpen });
  own.start();
  workers?.onRequest(HISTORY_REQUEST, (request) => {
    const { from, to } = request as HistoryRequest;
    return own.read(from, to);
  });
  const read = async (sinceMs: number): Promise<object> => {
    const to = lastStepAt(Date.now() - SETTLE_MS);
    const from = Math.max(to - HISTORY_STEPS + 1, Math.ceil(sinceMs / HISTORY_STEP_MS));
    const parts =
      workers === undefined ? [own.read(from, to)] : await workers.requestAll(HISTORY_REQUEST, { from, to });
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
