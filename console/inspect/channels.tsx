import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { pathOf } from '../api.ts';
import { bytesOf, durationOf, plural } from '../format.ts';
import { Masked } from '../live/masked.tsx';
import { channelLink, linkTo, userLink, useParams } from '../shell/route.ts';
import { Table } from '../shell/table.tsx';
import { type ChannelAnswer, type KeptEvent, useAnswer } from './answers.ts';
import { NameSearch } from './name-search.tsx';
import { Connections, Missing } from './parts.tsx';

const POLL_MS = 5000;
/** Members of one page, as the server sends them. */
const PAGE_MEMBERS = 100;

/** The channels of an app, or one of them. */
export function Channels({ onLoggedOut }: { readonly onLoggedOut: () => void }) {
  const [params, go] = useParams();
  const { app, channel } = params;
  if (app !== undefined && channel !== undefined)
    return <Channel key={`${app} ${channel}`} app={app} name={channel} onLoggedOut={onLoggedOut} />;
  return (
    <>
      <h1>Channels</h1>
      <NameSearch
        {...{ view: 'channels', noun: 'subscriber', hint: 'orders or private-*' }}
        {...{ params, go, link: channelLink, onLoggedOut }}
      />
    </>
  );
}

interface ChannelProps {
  readonly app: string;
  readonly name: string;
  readonly onLoggedOut: () => void;
}

function Channel({ app, name, onLoggedOut }: ChannelProps) {
  const [skip, setSkip] = useState(0);
  const [data, setData] = useState(false);
  const path = pathOf('/channel', { app, channel: name, skip, data: data ? 1 : undefined });
  const { value, problem } = useAnswer<ChannelAnswer>(path, POLL_MS, onLoggedOut);
  return (
    <>
      <p>
        <a href={linkTo('channels', { app })}>All channels</a>
      </p>
      <h1>
        <bdi>{name}</bdi>
      </h1>
      <p role="alert" class="problem">
        {problem ?? value?.problem}
      </p>
      {value === undefined ? (
        problem === undefined && <p class="notice">Reading…</p>
      ) : (
        <>
          <Missing silent={value.silent} />
          <Connections app={app} having={value} noun="subscriber" />
          {value.members !== undefined && (
            <Roster app={app} members={value.members} skip={skip} setSkip={setSkip} />
          )}
          {value.events !== undefined && <History answer={value} data={data} setData={setData} />}
        </>
      )}
    </>
  );
}

interface RosterProps {
  readonly app: string;
  readonly members: NonNullable<ChannelAnswer['members']>;
  readonly skip: number;
  readonly setSkip: (skip: number) => void;
}

function Roster({ app, members: { total, ids }, skip, setSkip }: RosterProps) {
  return (
    <section aria-labelledby="roster">
      <h2 id="roster">{plural(total, 'member')}</h2>
      <ul class="names-list">
        {ids.map((id) => (
          <li key={id}>
            <a href={userLink(app, id)}>
              <bdi>{id}</bdi>
            </a>
          </li>
        ))}
      </ul>
      {total > PAGE_MEMBERS && (
        <p class="bar">
          <button
            type="button"
            disabled={skip === 0}
            onClick={() => setSkip(Math.max(0, skip - PAGE_MEMBERS))}
          >
            Previous members
          </button>
          <button
            type="button"
            disabled={skip + PAGE_MEMBERS >= total}
            onClick={() => setSkip(skip + PAGE_MEMBERS)}
          >
            Next members
          </button>
          <span class="hint">
            {ids.length === 0 ? 'none here' : `${skip + 1} to ${skip + ids.length}`} of {total}
          </span>
        </p>
      )}
    </section>
  );
}

interface HistoryProps {
  readonly answer: ChannelAnswer;
  readonly data: boolean;
  readonly setData: (data: boolean) => void;
}

function History({ answer: { events = [], cached }, data, setData }: HistoryProps) {
  return (
    <section aria-labelledby="history">
      <h2 id="history">History</h2>
      <label class="check">
        <input type="checkbox" checked={data} onChange={() => setData(!data)} /> with data: the server sends
        the data of events, and each line shows it on request
      </label>
      {cached !== undefined && (
        <Table
          label={`Cached event, which new subscribers get for ${durationOf(cached.ttlSeconds)} from now on`}
          hasCaption
          head={['Event', 'Size', 'Data']}
          rows={[cellsOf(cached)]}
        />
      )}
      {events.length === 0 ? (
        <p class="hint">The history of this channel keeps no event.</p>
      ) : (
        <Table
          label="Events that are kept, the newest first"
          hasCaption
          head={['Offset', 'Event', 'Size', 'Data']}
          rows={events.map((kept) => [kept.offset, ...cellsOf(kept)])}
          keys={events.map(({ offset }) => offset)}
        />
      )}
    </section>
  );
}

/** Name, size and data of an event. */
const cellsOf = ({ event, bytes, except, data }: KeptEvent): readonly ComponentChildren[] => [
  <>
    <bdi>{event}</bdi>
    {except !== undefined && (
      <span class="hint">
        {' '}
        without <bdi>{except}</bdi>
      </span>
    )}
  </>,
  bytesOf(bytes),
  data === undefined ? <i>masked</i> : <Masked text={data} label="Show the data" />,
];
