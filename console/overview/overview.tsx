import { useState } from 'preact/hooks';
import { bytesOf, numberOf } from '../format.ts';
import { Chart } from './chart.tsx';
import { countsFor, type History, perSecond, readHistory } from './history.ts';
import { readStatus, Status } from './status.tsx';
import { usePoll } from './use-poll.ts';

const POLL_MS = 5000;

/** Traffic of the last hours and the state of the server. */
export function Overview({ onLoggedOut }: { readonly onLoggedOut: () => void }) {
  const history = usePoll(readHistory, POLL_MS, onLoggedOut);
  const status = usePoll(readStatus, POLL_MS, onLoggedOut);
  const problem = status.problem ?? history.problem;
  return (
    <>
      <h1>Overview</h1>
      <p role="alert" class="problem">
        {problem !== undefined && `${problem} What you see is the last known state.`}
      </p>
      {status.value !== undefined && <Status status={status.value} />}
      {history.value === undefined ? <p class="notice">Reading…</p> : <Charts history={history.value} />}
    </>
  );
}

function Charts({ history }: { readonly history: History }) {
  const [app, setApp] = useState('');
  const { connections, messages, deliveries, errors } = countsFor(history, app);
  const time = { fromMs: history.fromMs, stepMs: history.stepMs };
  return (
    <section aria-label="The last three hours">
      <div class="bar">
        <label>
          App{' '}
          <select value={app} onChange={({ currentTarget }) => setApp(currentTarget.value)}>
            <option value="">all apps</option>
            {Object.keys(history.apps).map((id) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </label>
        <span class="hint">
          The last three hours of this server. Latency, event loop and memory are those of all apps.
        </span>
      </div>
      <div class="charts">
        <Chart
          title="Connections"
          {...time}
          series={[{ name: 'open', values: connections }]}
          show={numberOf}
        />
        <Chart
          title="Events a second"
          {...time}
          series={[
            { name: 'published', values: perSecond(messages, history) },
            { name: 'delivered', values: perSecond(deliveries, history) },
          ]}
          show={numberOf}
        />
        <Chart
          title="Delivery latency"
          {...time}
          series={[
            { name: 'p50', values: history.p50Ms },
            { name: 'p99', values: history.p99Ms },
          ]}
          show={milliseconds}
        />
        <Chart
          title="Refused a second"
          {...time}
          series={[{ name: 'errors', values: perSecond(errors, history) }]}
          show={numberOf}
        />
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
    </section>
  );
}

const milliseconds = (value: number): string => `${numberOf(value)} ms`;
