import { styleText } from 'node:util';
import { clockTime, counted, hasColour, shown } from './output.ts';

/** A line of the live feed (SPEC 11.5). */
export type LiveLine = Readonly<Record<string, string | number | undefined>>;

const COLOURS = {
  connected: 'green',
  disconnected: 'yellow',
  subscribed: 'cyan',
  unsubscribed: 'cyan',
  occupied: 'cyan',
  vacated: 'cyan',
  member_added: 'cyan',
  member_removed: 'cyan',
  published: 'bold',
  cache_miss: 'yellow',
  webhook_sent: 'green',
  webhook_failed: 'red',
  refused: 'red',
  'left-out': 'red',
} as const;

/** A line for a terminal: time, kind, and what happened. Nothing in it can control the terminal. */
export function liveLineText(line: LiveLine): string {
  const type = String(line.type ?? '');
  const colour = COLOURS[type as keyof typeof COLOURS] as (typeof COLOURS)[keyof typeof COLOURS] | undefined;
  const kind = shown(type).padEnd(14);
  const head = hasColour() && colour !== undefined ? styleText(colour, kind) : kind;
  return `${clockTime(Number(line.atMs ?? 0))}  ${head} ${shown(describeLine(type, line))}`;
}

function describeLine(type: string, line: LiveLine): string {
  const parts = (PARTS[type] ?? others)(line);
  return parts.filter((part) => part !== undefined && part !== '').join('   ');
}

const webhookParts = ({ app, endpoint, events, count, attempt, reason }: LiveLine) => [
  app,
  endpoint,
  events,
  counted(Number(count), 'event'),
  Number(attempt) > 1 ? `attempt ${attempt}` : undefined,
  reason,
];

type Parts = (line: LiveLine) => (string | number | undefined)[];

const HIDDEN = ['type', 'atMs', 'pid'];

const others: Parts = (line) =>
  Object.entries(line).flatMap(([name, value]) => (HIDDEN.includes(name) ? [] : [`${name}: ${value}`]));

const PARTS: Readonly<Record<string, Parts>> = {
  connected: ({ app, socket, address }) => [app, socket, address],
  disconnected: ({ app, socket, code, cause, seconds, channels }) => [
    app,
    socket,
    `code ${code} (${cause})`,
    `after ${seconds} s`,
    `was on ${counted(Number(channels), 'channel')}`,
  ],
  subscribed: ({ app, socket, channel, user }) => [app, socket, channel, user && `user ${user}`],
  unsubscribed: ({ app, socket, channel, user }) => [app, socket, channel, user && `user ${user}`],
  occupied: ({ app, channel }) => [app, channel],
  vacated: ({ app, channel }) => [app, channel],
  member_added: ({ app, channel, user }) => [app, channel, `user ${user}`],
  member_removed: ({ app, channel, user }) => [app, channel, `user ${user}`],
  cache_miss: ({ app, channel }) => [app, channel],
  webhook_sent: (line) => webhookParts(line),
  webhook_failed: (line) => webhookParts(line),
  published: ({ app, channel, event, sockets, bytes, source, socket, except, payload }) => [
    app,
    channel,
    event,
    counted(Number(sockets), 'socket'),
    `${bytes} bytes`,
    source === 'client' ? `whisper of ${socket}` : `from ${source}`,
    except && `without ${except}`,
    payload,
  ],
  'left-out': ({ lines }) => [`${counted(Number(lines), 'line')} left out`],
};
