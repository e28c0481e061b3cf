import { useEffect } from 'preact/hooks';
import { momentOf, plural, timeOf } from '../format.ts';
import { connectionLink, userLink } from '../shell/route.ts';
import { AppSelect } from '../shell/app-select.tsx';
import { Table } from '../shell/table.tsx';
import { useAppIds } from '../shell/use-app-ids.ts';
import type { Frame, Having, ProcessName, Silent } from './answers.ts';

/** Names a process as an operator finds it. All of it is text of other nodes. */
export function Place({ process: { node, host, pid } }: { readonly process: ProcessName }) {
  return (
    <bdi class="place">
      {node !== undefined && `${node} · `}
      {host} · pid {pid}
    </bdi>
  );
}

/** Says whose answers are missing. */
export function Missing({ silent }: { readonly silent: Silent }) {
  if (silent !== null && silent.length === 0) return null;
  return (
    <p class="problem" role="status">
      {silent === null ? (
        'Redis does not answer: this is what this server alone knows, without the other nodes.'
      ) : (
        <>
          {plural(silent.length, 'node')} did not answer, and what they hold is missing:{' '}
          <bdi>{silent.join(', ')}</bdi>
        </>
      )}
    </p>
  );
}

/** Chooses one app: the first one, unless another is given. */
export function AppField({
  app,
  onChange,
  onLoggedOut,
}: {
  readonly app: string | undefined;
  readonly onChange: (app: string, isFirst: boolean) => void;
  readonly onLoggedOut: () => void;
}) {
  const { value: ids = [], problem } = useAppIds(onLoggedOut);
  const [first] = ids;
  useEffect(() => {
    if (app === undefined && first !== undefined) onChange(first, true);
  }, [app, first]);
  return (
    <>
      <AppSelect app={app ?? ''} ids={ids} onChange={(chosen) => onChange(chosen, false)} />
      {app === undefined && (
        <span role="alert" class="problem">
          {problem}
        </span>
      )}
    </>
  );
}

/** Subscribers or connections by process, and some of them. */
export function Connections({
  app,
  having,
  noun,
}: {
  readonly app: string;
  readonly having: Having;
  readonly noun: string;
}) {
  const { processes, connections } = having;
  const total = processes.reduce((sum, { count }) => sum + count, 0);
  return (
    <section aria-labelledby="connections">
      <h2 id="connections">
        {plural(total, noun)} on {plural(processes.length, 'process', 'processes')}
      </h2>
      <ul class="rows">
        {processes.map((each) => (
          <li key={`${each.node} ${each.host} ${each.pid}`}>
            <Place process={each} /> <b>{each.count}</b>
          </li>
        ))}
      </ul>
      {connections.length > 0 && (
        <Table
          label={connections.length < total ? `${connections.length} of them` : 'All of them'}
          hasCaption
          head={['Socket', 'Address', 'Transport', 'User', 'Channels', 'Since', 'Process']}
          rows={connections.map((each) => [
            <a key="socket" href={connectionLink(app, each.socket)}>
              {each.socket}
            </a>,
            ...[each.address, each.transport],
            each.user !== undefined && (
              <a href={userLink(app, each.user)}>
                <bdi>{each.user}</bdi>
              </a>
            ),
            ...[each.channels, momentOf(each.openedAtMs)],
            <Place key="process" process={each} />,
          ])}
        />
      )}
    </section>
  );
}

/** The last frames of a connection, the newest first. */
export function Frames({ frames }: { readonly frames: readonly Frame[] }) {
  return (
    <Table
      label="Last frames, the newest first"
      hasCaption
      head={['Time', 'Direction', 'Event', 'Bytes']}
      rows={frames
        .toReversed()
        .map(({ atMs, direction, event, bytes }) => [
          timeOf(atMs),
          direction === 'in' ? 'from the client' : 'to the client',
          event === '' ? <i key="none">no event</i> : event,
          bytes,
        ])}
      none="No frame yet."
    />
  );
}
