import { useEffect, useState } from 'preact/hooks';
import { pathOf } from '../api.ts';
import { bytesOf, durationOf, momentOf, numberOf, plural } from '../format.ts';
import { channelLink, userLink, useParams } from '../shell/route.ts';
import { ReadOnly } from '../shell/table.tsx';
import { Actions } from './actions.tsx';
import {
  type ClosedConnection,
  type ConnectionAnswer,
  type ConnectionRow,
  type OpenConnection,
  type ProcessName,
  useAnswer,
} from './answers.ts';
import { AppField, Frames, Missing, Place } from './parts.tsx';
import { endUser } from './users.tsx';

const POLL_MS = 2000;
const MAX_CHARS = 100;

/** One connection, by its socket id. */
export function ConnectionView({ onLoggedOut }: { readonly onLoggedOut: () => void }) {
  const [{ app, socket = '' }, go] = useParams();
  const [typed, setTyped] = useState(socket);
  useEffect(() => setTyped(socket), [socket]);
  const look = (event: Event): void => {
    event.preventDefault();
    go('connection', { app, socket: typed.trim() });
  };
  return (
    <>
      <h1>Connection</h1>
      <ReadOnly />
      <form class="filters" role="search" onSubmit={look}>
        <AppField
          app={app}
          onChange={(chosen, isFirst) =>
            go('connection', isFirst ? { app: chosen, socket } : { app: chosen }, isFirst)
          }
          onLoggedOut={onLoggedOut}
        />
        <label>
          Socket id
          <input
            placeholder="1234.5678"
            maxLength={MAX_CHARS}
            value={typed}
            onInput={({ currentTarget }) => setTyped(currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Look
        </button>
      </form>
      {app === undefined || socket === '' ? (
        <p class="notice">Give the socket id of a client, or follow one from Live, Channels or Users.</p>
      ) : (
        <Connection key={`${app} ${socket}`} app={app} socket={socket} onLoggedOut={onLoggedOut} />
      )}
    </>
  );
}

interface ConnectionProps {
  readonly app: string;
  readonly socket: string;
  readonly onLoggedOut: () => void;
}

function Connection({ app, socket, onLoggedOut }: ConnectionProps) {
  const { value, problem } = useAnswer<ConnectionAnswer>(
    pathOf('/connection', { app, socket }),
    POLL_MS,
    onLoggedOut,
  );
  const user = value?.open?.user;
  return (
    <>
      <p role="alert" class="problem">
        {problem}
      </p>
      {value !== undefined && (
        <>
          <Missing silent={value.silent} />
          <Actions
            actions={value.open === null ? [] : actionsFor(app, socket, user)}
            onLoggedOut={onLoggedOut}
          />
          {value.open !== null && <Open app={app} open={value.open} process={value.process} />}
          {value.closed !== null && <Closed app={app} closed={value.closed} process={value.process} />}
          {value.open === null && value.closed === null && (
            <p class="notice">
              No process knows this socket id: it was closed some time ago, or never was one of this app.
            </p>
          )}
        </>
      )}
    </>
  );
}

const actionsFor = (app: string, socket: string, user: string | undefined) => [
  {
    label: 'Ask it to reconnect',
    question: `Ask ${socket} to reconnect?`,
    path: '/connection/reconnect',
    body: { app, socket },
    done: 'The connection is closed with 4200: its client comes back with another socket id.',
  },
  {
    label: 'End it',
    question: `End ${socket}?`,
    path: '/connection/end',
    body: { app, socket },
    done: 'The connection is ended.',
  },
  ...(user === undefined ? [] : [endUser(app, user)]),
];

interface StateProps {
  readonly app: string;
  readonly process: ProcessName | undefined;
}

function Open({ app, open, process }: StateProps & { readonly open: OpenConnection }) {
  const { limits, names, channels, frames } = open;
  return (
    <>
      <dl class="card">
        <dt>State</dt>
        <dd>
          <span class="good">open</span>
          {open.isSlowReader && ' · it reads too slowly: it is not read, and gets no best-effort events'}
          {open.isOverRate && ' · it sends too fast: its messages wait'}
          {open.isPinged && ' · a ping waits for its answer'}
        </dd>
        <Common app={app} row={open} process={process} />
        <dt>TLS</dt>
        <dd>{open.secure ? 'yes' : 'no'}</dd>
        <dt>Last sign of life</dt>
        <dd>{momentOf(open.seenAtMs)}</dd>
        <dt>Bytes that wait</dt>
        <dd>
          {bytesOf(open.waitingBytes)}; not read from {limitOf(limits['softBytes'], bytesOf)} on, ended from{' '}
          {limitOf(limits['hardBytes'], bytesOf)} on
        </dd>
        <dt>Bytes sent</dt>
        <dd>{bytesOf(open.sentBytes)}</dd>
        <dt>Limits</dt>
        <dd>
          {limitOf(limits['messagesPerSecond'], numberOf)} messages a second,{' '}
          {limitOf(limits['messageBurst'], numberOf)} at once, {limitOf(limits['messageBytes'], bytesOf)}{' '}
          each; {limitOf(limits['clientEventsPerSecond'], numberOf)} client events a second;{' '}
          {limitOf(limits['subscriptionsPerSocket'], numberOf)} channels
        </dd>
      </dl>
      <section aria-labelledby="channels">
        <h2 id="channels">
          {plural(channels, 'channel')}
          {names.length < channels && `, the first ${names.length}`}
        </h2>
        <ul class="names-list">
          {names.map((name) => (
            <li key={name}>
              <a href={channelLink(app, name)}>
                <bdi>{name}</bdi>
              </a>
            </li>
          ))}
        </ul>
      </section>
      <p class="hint">Frames are noted since {momentOf(open.framesSinceMs)}, while somebody looks.</p>
      <Frames frames={frames} />
    </>
  );
}

function Closed({ app, closed, process }: StateProps & { readonly closed: ClosedConnection }) {
  const { closedAtMs, openedAtMs, code, cause, message, frames } = closed;
  return (
    <>
      <dl class="card">
        <dt>State</dt>
        <dd>
          <span class="bad">closed</span> {momentOf(closedAtMs)}, after{' '}
          {durationOf((closedAtMs - openedAtMs) / 1000)}
        </dd>
        <dt>Reason</dt>
        <dd>
          <bdi>{cause}</bdi>, code {code}
          {message !== undefined && (
            <>
              : <bdi>{message}</bdi>
            </>
          )}
        </dd>
        <Common app={app} row={closed} process={process} />
      </dl>
      {frames.length > 0 && <Frames frames={frames} />}
    </>
  );
}

function Common({ app, row, process }: StateProps & { readonly row: ConnectionRow }) {
  return (
    <>
      <dt>Address</dt>
      <dd>
        <bdi>{row.address}</bdi>
      </dd>
      <dt>Transport</dt>
      <dd>{row.transport}</dd>
      <dt>User</dt>
      <dd>
        {row.user === undefined ? (
          'has not signed in'
        ) : (
          <a href={userLink(app, row.user)}>
            <bdi>{row.user}</bdi>
          </a>
        )}
      </dd>
      <dt>Channels</dt>
      <dd>{row.channels}</dd>
      <dt>Opened</dt>
      <dd>{momentOf(row.openedAtMs)}</dd>
      {process !== undefined && (
        <>
          <dt>Process</dt>
          <dd>
            <Place process={process} />
          </dd>
        </>
      )}
    </>
  );
}

const limitOf = (value: number | undefined, show: (value: number) => string): string =>
  value === undefined || value === 0 ? 'any number of' : show(value);
