import { useMemo, useState } from 'preact/hooks';
import { bytesOf, milliseconds, numberOf } from '../format.ts';
import { Chart } from './chart.tsx';
import { type History, historyReader, perSecond } from './history.ts';
import { NodeField, type Nodes, nodesReader, NodeTable } from './nodes.tsx';
import { readStatus, Status } from './status.tsx';
import { AppSelect } from '../shell/app-select.tsx';
import { type Polled, usePoll } from '../shell/use-poll.ts';

const POLL_MS = 5000;
/** Minutes that the charts may show; the server keeps three hours. */
const RANGES: readonly [number, ...number[]] = [15, 60, 180];

/** Traffic of the last hours and the state of the server. */
export function Overview({ onLoggedOut }: { readonly onLoggedOut: () => void }) {
  const [choice, setChoice] = useState<Choice>({ app: '', node: '', minutes: RANGES[0] });
  const readHistory = useMemo(() => historyReader(choice), [choice.app, choice.node]);
  const readNodes = useMemo(() => nodesReader(choice.app), [choice.app]);
  const history = usePoll(readHistory, POLL_MS, onLoggedOut);
  const nodes = usePoll(readNodes, POLL_MS, onLoggedOut);
  const status = usePoll(readStatus, POLL_MS, onLoggedOut);
  const problem = status.problem ?? history.problem ?? nodes.problem;
  return (
    <>
      <h1>Overview</h1>
      <p role="alert" class="problem">
        {problem !== undefined && `${problem} What you see is the last known state.`}
      </p>
      {status.value !== undefined && <Status status={status.value} />}
      {nodes.value !== undefined && <NodeTable nodes={nodes.value} />}
      <Traffic history={history} nodes={nodes.value} choice={choice} setChoice={setChoice} />
    </>
  );
}

interface Choice {
  readonly app: string;
  /** Empty: this server; `all`: all nodes. */
  readonly node: string;
  readonly minutes: number;
}

interface TrafficProps {
  readonly history: Polled<History>;
  readonly nodes: Nodes | undefined;
  readonly choice: Choice;
  readonly setChoice: (choice: Choice) => void;
}

function Traffic({ history: { value, problem }, nodes, choice, setChoice }: TrafficProps) {
  return (
    <section aria-label="Traffic">
      <div class="bar">
        <AppSelect
          app={choice.app}
          ids={value?.apps ?? []}
          hasAll
          onChange={(app) => setChoice({ ...choice, app })}
        />
        <NodeField
          nodes={nodes?.nodes ?? []}
          node={choice.node}
          onChange={(node) => setChoice({ ...choice, node })}
        />
        <label>
          Time{' '}
          <select
            value={choice.minutes}
            onChange={({ currentTarget }) => setChoice({ ...choice, minutes: Number(currentTarget.value) })}
          >
            {RANGES.map((each) => (
              <option key={each} value={each}>
                last {each} minutes
              </option>
            ))}
          </select>
        </label>
        <span class="hint">Latency, event loop and memory are those of all apps.</span>
      </div>
      {value === undefined ? (
        problem === undefined && <p class="notice">Reading…</p>
      ) : (
        <Charts history={value} minutes={choice.minutes} />
      )}
    </section>
  );
}

function Charts({ history, minutes }: { readonly history: History; readonly minutes: number }) {
  const { fromMs, stepMs } = history;
  const { connections, messages, deliveries, errors } = history.counts;
  const time = { fromMs, stepMs, steps: (minutes * 60_000) / stepMs };
  const events = [
    { name: 'published', values: perSecond(messages, history) },
    { name: 'delivered', values: perSecond(deliveries, history) },
  ];
  const latency = [
    { name: 'p50', values: history.p50Ms },
    { name: 'p99', values: history.p99Ms },
  ];
  const refused = [{ name: 'errors', values: perSecond(errors, history) }];
  return (
    <div class="charts">
      <Chart title="Connections" {...time} series={[{ name: 'open', values: connections }]} show={numberOf} />
      <Chart title="Events a second" {...time} series={events} show={numberOf} />
      <Chart title="Delivery latency" {...time} series={latency} show={milliseconds} />
      <Chart title="Refused a second" {...time} series={refused} show={numberOf} />
      <Chart
        title="Event loop"
        {...time}
        series={[{ name: 'p99 delay', values: history.loopDelayMs }]}
        show={milliseconds}
      />
      <Chart
        title="Memory"
        {...time}
        series={[{ name: 'resident', values: history.memoryBytes }]}
        show={bytesOf}
      />
    </div>
  );
}
