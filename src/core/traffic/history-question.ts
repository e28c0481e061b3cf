import type { ProcessName } from '../live/inspect/questions.ts';
import { count, listOf, NotReadable, object, oneOf, optional, type Reader, text } from '../util/readers.ts';
import {
  HISTORY_COUNTS,
  HISTORY_STEPS,
  type HistoryPart,
  type HistoryQuery,
  LATENCY_COUNTS,
} from './history.ts';
import { MAX_COUNTED_APPS } from './traffic.ts';

/** Question to each process about its steps. `node`: the only one whose steps are wanted; the others answer with their names. */
export interface HistoryQuestion extends HistoryQuery {
  readonly type: 'history';
  readonly node?: string | undefined;
}

/** Answer of one process. */
export interface HistoryAnswer extends ProcessName {
  readonly part?: HistoryPart | undefined;
}

/** More characters than any setting allows names to have. */
const name = text(1024);

const question = object<HistoryQuestion>({
  type: oneOf('history'),
  from: count,
  to: count,
  app: optional(name),
  node: optional(name),
});

/** Reads a question of another process; nothing in it is trusted. */
export const readHistoryQuestion: Reader<HistoryQuestion> = (value) => {
  const asked = question(value);
  if (asked.to - asked.from >= HISTORY_STEPS) throw new NotReadable('These are more steps than are kept.');
  return asked;
};

const steps = (width: number) => listOf(count, HISTORY_STEPS * width);

/** Reads the answer of another process; nothing in it is trusted. */
export const readHistoryAnswer = object<HistoryAnswer>({
  process: name,
  node: optional(name),
  host: name,
  pid: count,
  part: optional(
    object<HistoryPart>({
      measured: steps(1),
      loopDelayMs: steps(1),
      memoryBytes: steps(1),
      latency: steps(LATENCY_COUNTS),
      counts: steps(HISTORY_COUNTS.length),
      apps: listOf(name, MAX_COUNTED_APPS + 2),
    }),
  ),
});
