import { memo } from 'preact/compat';
import { useState } from 'preact/hooks';
import { bytesOf, durationOf, momentOf, plural, timeOf } from '../format.ts';
import { channelLink, connectionLink, userLink } from '../shell/route.ts';
import { Trace } from '../events/trace.tsx';
import { kindOf, type Line } from './lines.ts';
import { Masked } from './masked.tsx';

/** Details that the line itself shows, so that its summary does not. */
const NAMES = new Set(['app', 'channel', 'event', 'payload', 'pid']);

/** One line, which unfolds to all of its details. Every name in it is text of clients. */
export const LiveLine = memo(({ line }: { readonly line: Line }) => {
  const [isOpen, setOpen] = useState(false);
  const { app, channel, event } = line.details;
  if (line.type === 'left-out')
    return (
      <li class="line left-out">
        <time dateTime={new Date(line.atMs).toISOString()}>{timeOf(line.atMs)}</time>
        <span>
          {plural(Number(line.details['lines']), 'line')} left out: more happened than can be shown.
        </span>
      </li>
    );
  return (
    <li class="line">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <time dateTime={new Date(line.atMs).toISOString()}>{timeOf(line.atMs)}</time>
        <span class={`kind ${line.type}`}>{kindOf(line)}</span>
        <span class="names">
          {channel !== undefined && <bdi class="channel">{channel}</bdi>}
          {event !== undefined && <bdi class="event">{event}</bdi>}
          <bdi class="summary">{summaryOf(line)}</bdi>
        </span>
        {app !== undefined && <bdi class="app">{app}</bdi>}
      </button>
      {isOpen && (
        <div class="unfolded">
          <Details line={line} />
          {line.type === 'published' && <LineTrace line={line} />}
        </div>
      )}
    </li>
  );
});

function Details({ line: { atMs, details } }: { readonly line: Line }) {
  const { payload, ...others } = details;
  const { app } = details;
  return (
    <dl>
      <dt>time</dt>
      <dd>{momentOf(atMs)}</dd>
      {Object.entries(others).map(([name, value]) => [
        <dt key={`${name}-name`}>{name}</dt>,
        <dd key={name}>
          <Detail name={name} value={value} app={app} />
        </dd>,
      ])}
      {payload !== undefined && (
        <>
          <dt>payload</dt>
          <dd>
            <Masked text={String(payload)} label="Show the payload" />
          </dd>
        </>
      )}
    </dl>
  );
}

/** Trace of the event of a line. One of another node has no id here: the newest event of its channel is asked for. */
function LineTrace({ line: { atMs, details } }: { readonly line: Line }) {
  const { trace, app = '', channel = '' } = details;
  if (trace !== undefined) return <Trace question={{ id: String(trace) }} atMs={atMs} />;
  if (details['source'] !== 'another node') return null;
  const question = { app: String(app), channel: String(channel) };
  return <Trace question={question} title="The newest event of this channel" atMs={atMs} />;
}

interface DetailProps {
  readonly name: string;
  readonly value: string | number;
  readonly app: string | number | undefined;
}

/** A detail; that of a channel, a user or a socket leads to its view. */
function Detail({ name, value, app }: DetailProps) {
  const href = app === undefined ? undefined : linkOf(name, String(app), String(value));
  return href === undefined ? (
    <bdi>{value}</bdi>
  ) : (
    <a href={href}>
      <bdi>{value}</bdi>
    </a>
  );
}

function linkOf(name: string, app: string, value: string): string | undefined {
  if (name === 'channel') return channelLink(app, value);
  if (name === 'user') return userLink(app, value);
  return name === 'socket' ? connectionLink(app, value) : undefined;
}

/** The most telling details of a kind in a few words; of an unknown kind, all of them. */
function summaryOf({ type, details }: Line): string {
  const { socket, address, code, cause, seconds, channels, sockets, bytes, source, except, user, reason } =
    details;
  const words = (...given: readonly (string | number | false | undefined)[]): string =>
    given.filter((word) => word !== undefined && word !== false).join(' · ');
  switch (type) {
    case 'connected':
      return words(socket, address);
    case 'disconnected':
      return words(
        socket,
        cause,
        code,
        `after ${durationOf(Number(seconds))}`,
        plural(Number(channels), 'channel'),
      );
    case 'subscribed':
    case 'unsubscribed':
    case 'member_added':
    case 'member_removed':
      return words(socket, user !== undefined && `user ${user}`);
    case 'published':
      return words(
        plural(Number(sockets), 'socket'),
        bytesOf(Number(bytes)),
        `from ${source}`,
        socket,
        except !== undefined && `without ${except}`,
      );
    case 'webhook_sent':
    case 'webhook_failed':
      return words(details['endpoint'], details['events'], plural(Number(details['count']), 'event'), reason);
    default:
      return words(...Object.entries(details).flatMap(([name, value]) => (NAMES.has(name) ? [] : [value])));
  }
}
