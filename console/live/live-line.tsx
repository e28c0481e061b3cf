import { memo } from 'preact/compat';
import { useState } from 'preact/hooks';
import { bytesOf, durationOf, momentOf, plural, timeOf } from '../format.ts';
import type { Line } from './lines.ts';

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
        <span class={`kind ${line.type}`}>{line.type}</span>
        <span class="names">
          {channel !== undefined && <bdi class="channel">{channel}</bdi>}
          {event !== undefined && <bdi class="event">{event}</bdi>}
          <bdi class="summary">{summaryOf(line)}</bdi>
        </span>
        {app !== undefined && <bdi class="app">{app}</bdi>}
      </button>
      {isOpen && <Details line={line} />}
    </li>
  );
});

function Details({ line: { atMs, details } }: { readonly line: Line }) {
  const { payload, ...others } = details;
  return (
    <dl>
      <dt>time</dt>
      <dd>{momentOf(atMs)}</dd>
      {Object.entries(others).map(([name, value]) => [
        <dt key={`${name}-name`}>{name}</dt>,
        <dd key={name}>
          <bdi>{value}</bdi>
        </dd>,
      ])}
      {payload !== undefined && <Payload text={String(payload)} />}
    </dl>
  );
}

function Payload({ text }: { readonly text: string }) {
  const [isShown, setShown] = useState(false);
  return (
    <>
      <dt>payload</dt>
      <dd>
        {isShown ? (
          <pre>{text}</pre>
        ) : (
          <button type="button" onClick={() => setShown(true)}>
            Show the payload
          </button>
        )}
      </dd>
    </>
  );
}

/** The most telling details of a kind in a few words; of an unknown kind, all of them. */
function summaryOf({ type, details }: Line): string {
  const { socket, address, code, cause, seconds, channels, sockets, bytes, source, except, user } = details;
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
      return words(socket, user !== undefined && `user ${user}`);
    case 'published':
      return words(
        plural(Number(sockets), 'socket'),
        bytesOf(Number(bytes)),
        `from ${source}`,
        socket,
        except !== undefined && `without ${except}`,
      );
    default:
      return words(...Object.entries(details).flatMap(([name, value]) => (NAMES.has(name) ? [] : [value])));
  }
}
