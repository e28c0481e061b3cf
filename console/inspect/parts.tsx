import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { momentOf, plural, timeOf } from '../format.ts';
import { connectionLink, userLink } from '../shell/route.ts';
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
  const shown = app === undefined || ids.includes(app) ? ids : [app, ...ids];
  return (
    <>
      <label>
        App
        <select value={app ?? ''} onChange={({ currentTarget }) => onChange(currentTarget.value, false)}>
          {shown.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
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
          caption={connections.length < total ? `${connections.length} of them` : 'All of them'}
          columns={['Socket', 'Address', 'Transport', 'User', 'Channels', 'Since', 'Process']}
        >
          {connections.map((each) => (
            <tr key={each.socket}>
              <td>
                <a href={connectionLink(app, each.socket)}>{each.socket}</a>
              </td>
              <td class="text">
                <bdi>{each.address}</bdi>
              </td>
              <td>{each.transport}</td>
              <td class="text">
                {each.user !== undefined && (
                  <a href={userLink(app, each.user)}>
                    <bdi>{each.user}</bdi>
                  </a>
                )}
              </td>
              <td>{each.channels}</td>
              <td>{momentOf(each.openedAtMs)}</td>
              <td class="text">
                <Place process={each} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

/** A table that scrolls sideways where the page is narrow. */
export function Table({
  caption,
  columns,
  children,
}: {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly children: ComponentChildren;
}) {
  return (
    <div class="scroll" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((each) => (
              <th key={each} scope="col">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** The last frames of a connection, the newest first. */
export function Frames({ frames }: { readonly frames: readonly Frame[] }) {
  return (
    <Table caption="Last frames, the newest first" columns={['Time', 'Direction', 'Event', 'Bytes']}>
      {frames.toReversed().map(({ atMs, direction, event, bytes }, at) => (
        <tr key={frames.length - at}>
          <td>{timeOf(atMs)}</td>
          <td>{direction === 'in' ? 'from the client' : 'to the client'}</td>
          <td class="text">{event === '' ? <i>no event</i> : <bdi>{event}</bdi>}</td>
          <td>{bytes}</td>
        </tr>
      ))}
    </Table>
  );
}
