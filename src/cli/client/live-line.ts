import { styleText } from 'node:util';
import { clockTime, counted, hasColour, shown } from './output.ts';

/** A line of the live feed (SPEC 11.5). */
export type LiveLine = Readonly<Record<string, string | number | undefined>>;

const COLOURS = {
  connected: 'green',
  disconnected: 'yellow',
  subscribed: 'cyan',
  unsubscribed: 'cyan',
  published: 'bold',
  refused: 'red',
  'left-out': 'red',
} as const;

/** A line for a terminal: time, kind, and what happened. Nothing in it can control the terminal. */
export function liveLineText(line: LiveLine): string {
  const type = String(line.type ?? '');
  const colour = COLOURS[type as keyof typeof COLOURS] as (typeof COLOURS)[keyof typeof COLOURS] | undefined;
  const kind = shown(type).padEnd(13);
  const head = hasColour() && colour !== undefined ? styleText(colour, kind) : kind;
  return `${clockTime(Number(line.atMs ?? 0))}  ${head} ${shown(describeLine(type, line))}`;
}

function describeLine(type: string, line: LiveLine): string {
  const parts = (PARTS[type] ?? others)(line);
  return parts.filter((part) => part !== undefined && part !== '').join('   ');
}

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
