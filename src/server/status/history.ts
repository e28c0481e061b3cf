import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { HistorySource } from '../../admin/routes/history.ts';
import type { NodeQuestions } from '../../core/ports/nodes/node-questions.ts';
import {
  HISTORY_STEP_MS,
  HISTORY_STEPS,
  type HistoryPart,
  type HistoryQuery,
  lastStepAt,
  type ProcessSample,
  TrafficHistory,
} from '../../core/traffic/history.ts';
import { mergeHistory, nodeRows } from '../../core/traffic/history-merge.ts';
import {
  type HistoryAnswer,
  type HistoryQuestion,
  readHistoryAnswer,
  readHistoryQuestion,
} from '../../core/traffic/history-question.ts';
import type { Traffic } from '../../core/traffic/traffic.ts';
import { askingAll } from '../live/all-processes.ts';
import type { WorkerGroup } from '../worker-group.ts';

const SERVER_REQUEST = 'history';
/** Time that each process has to add a step that has ended. */
const SETTLE_MS = 2000;
/** Measures the delay of the event loop twenty times a second. */
const RESOLUTION_MS = 50;

interface HistoryDeps {
  readonly traffic: Traffic;
  /** `undefined`: this process serves alone. */
  readonly workers: WorkerGroup | undefined;
  readonly nodeQuestions: NodeQuestions;
  /** False when this process stops. */
  readonly isOpen: () => boolean;
}

/** Begins the history of this process, and reads that of all workers of this server, and of all nodes. */
export function openHistory({ traffic, workers, nodeQuestions, isOpen }: HistoryDeps): HistorySource {
  const own = new TrafficHistory({ traffic, measure: processSampler(), clock: Date.now, isOpen });
  own.start();
  workers?.onRequest(SERVER_REQUEST, (query) => own.read(query as HistoryQuery));
  const askServer = async (query: HistoryQuery) =>
    workers === undefined
      ? [own.read(query)]
      : ((await workers.requestAll(SERVER_REQUEST, query)) as HistoryPart[]);
  const askNodes = askingNodes(own, workers, nodeQuestions);
  return {
    read: async ({ sinceMs, app, node }) => {
      const to = newestStep();
      const from = Math.max(to - HISTORY_STEPS + 1, Math.ceil(sinceMs / HISTORY_STEP_MS));
      const points = Math.max(0, to - from + 1);
      const query = { from, to, app };
      if (node === undefined || points === 0) return mergeHistory(await askServer(query), from, points);
      const only = node === 'all' ? {} : { node };
      const { answers, silent = null } = await askNodes({ ...query, type: 'history', ...only });
      return {
        ...mergeHistory(
          answers.flatMap(({ part }) => part ?? []),
          from,
          points,
        ),
        silent,
      };
    },
    nodes: async (app) => {
      const step = newestStep();
      const { answers, silent = null } = await askNodes({ type: 'history', from: step, to: step, app });
      return { stepMs: HISTORY_STEP_MS, nodes: nodeRows(answers, step), silent };
    },
  };
}

const newestStep = (): number => lastStepAt(Date.now() - SETTLE_MS);

function askingNodes(own: TrafficHistory, workers: WorkerGroup | undefined, nodeQuestions: NodeQuestions) {
  const name = { process: randomBytes(9).toString('base64url'), host: hostname(), pid: process.pid };
  const answer = ({ node: wanted, from, to, app }: HistoryQuestion): HistoryAnswer => {
    const node = nodeQuestions.isCluster ? nodeQuestions.name : undefined;
    const isWanted = wanted === undefined || wanted === node;
    return { ...name, node, part: isWanted ? own.read({ from, to, app }) : undefined };
  };
  return askingAll<HistoryQuestion, HistoryAnswer>(
    { workers, nodeQuestions },
    {
      request: 'history-of-nodes',
      process: name.process,
      readQuestion: readHistoryQuestion,
      readAnswer: () => readHistoryAnswer,
      answer,
    },
  );
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
