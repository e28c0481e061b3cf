import type { Command } from 'commander';
import { styleText } from 'node:util';
import { sleep } from '../../../core/util/time.ts';
import type { AdminAddress } from '../../admin-client.ts';
import { readLines, StreamRefused } from '../../client/line-stream.ts';
import { addAdminOptions, adminAddress, type ServerFlags } from '../../client/options.ts';
import { counted, hasColour, runCommand, shown, wantsJson } from '../../client/output.ts';

const RETRY_MS = 500;
/** Time for which a server that had answered may be away: it is restarted. */
const PATIENCE_MS = 30_000;

interface TailFlags extends ServerFlags {
  readonly app?: string;
  readonly channel?: string;
  readonly event?: string;
  readonly payload?: boolean;
  readonly seconds?: string;
}

type Line = Readonly<Record<string, string | number | undefined>>;

/** `wavehall tail`: shows live what clients and publishers of a running server do. */
export function addTail(program: Command): void {
  addAdminOptions(program.command('tail'))
    .description('Show live what clients and publishers do, with how many sockets got each event')
    .option('--app <id>', 'only this app')
    .option('--channel <name>', 'only this channel; a * at the end stands for anything')
    .option('--event <name>', 'only this event; a * at the end stands for anything')
    .option('--payload', 'also show the data of events')
    .option('--seconds <seconds>', 'how long; without it, until Ctrl-C')
    .action((flags: TailFlags) => runCommand(() => tail(flags)));
}

async function tail(flags: TailFlags): Promise<void> {
  const admin = adminAddress(flags);
  const ended = endOf(flags.seconds);
  const query = new URLSearchParams();
  for (const name of ['app', 'channel', 'event'] as const) {
    const value = flags[name];
    if (value !== undefined) query.set(name, value);
  }
  if (flags.payload === true) query.set('payload', '1');
  const print = wantsJson(flags) ? printRaw : printLine;
  await follow(admin, `/live?${query.toString()}`, print, ended);
}

/** Aborted after so many seconds, if they are given. */
function endOf(seconds: string | undefined): AbortSignal {
  const end = new AbortController();
  if (seconds === undefined) return end.signal;
  const ms = Number(seconds) * 1000;
  if (!(ms > 0)) throw new Error(`--seconds ${seconds}: expected a number above 0`);
  setTimeout(() => end.abort(), ms).unref();
  return end.signal;
}

/** Reads the stream, and opens it again when the process at its other end stops, e.g. during `wavehall restart`. */
async function follow(
  admin: AdminAddress,
  path: string,
  print: (line: string) => void,
  ended: AbortSignal,
): Promise<void> {
  let hadStream = false;
  let awaySinceMs: number | undefined;
  const hasEnded = (): boolean => ended.aborted;
  while (!hasEnded()) {
    try {
      await readLines(admin, path, print, ended);
      hadStream = true;
      awaySinceMs = undefined;
      if (!hasEnded()) process.stderr.write('wavehall: the stream ended, it is opened again\n');
    } catch (error) {
      if (hasEnded()) return;
      awaySinceMs ??= performance.now();
      if (error instanceof StreamRefused || !hadStream || performance.now() - awaySinceMs > PATIENCE_MS)
        throw error;
    }
    await sleep(RETRY_MS, ended);
  }
}

const printRaw = (line: string): void => void process.stdout.write(`${line}\n`);

const COLOURS = {
  connected: 'green',
  disconnected: 'yellow',
  subscribed: 'cyan',
  unsubscribed: 'cyan',
  published: 'bold',
  refused: 'red',
  'left-out': 'red',
} as const;

/** One line of the terminal: time, kind, and what happened. */
function printLine(text: string): void {
  const line = JSON.parse(text) as Line;
  const type = String(line.type ?? '');
  const time = new Date(Number(line.atMs ?? 0)).toTimeString().slice(0, 8);
  const colour = COLOURS[type as keyof typeof COLOURS] as (typeof COLOURS)[keyof typeof COLOURS] | undefined;
  const kind = type.padEnd(13);
  const head = hasColour() && colour !== undefined ? styleText(colour, kind) : kind;
  process.stdout.write(`${time}  ${head} ${shown(describeLine(type, line))}\n`);
}

function describeLine(type: string, line: Line): string {
  const parts = (PARTS[type] ?? others)(line);
  return parts.filter((part) => part !== undefined && part !== '').join('   ');
}

type Parts = (line: Line) => (string | number | undefined)[];

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
