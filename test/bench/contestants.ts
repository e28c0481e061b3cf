/** The measured servers: Wavehall, the floor, the naive server, and any server that already runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { startServer } from '../support/server.ts';
import type { Endpoint } from '../support/wire-http.ts';
import { affinityOf, openFilesOf, pin, unpin } from './machine.ts';

/** `floor` serves fan-outs only; `naive` has `/bare`, `/echo` and an application `bare` beside the protocol. */
export type Role = 'wavehall' | 'floor' | 'naive' | 'other';

export interface Contestant {
  readonly name: string;
  readonly role: Role;
  readonly endpoint: Endpoint;
  /** 0: unknown, so its CPU time and memory are not measured. */
  readonly pid: number;
  readonly maxSockets: number;
  /** True if SIGUSR2 runs its garbage collector. */
  readonly collectsGarbage: boolean;
  isAlive(): boolean;
  close(): Promise<void>;
}

/** Files that a process needs besides its sockets. */
const OWN_FILES = 300;

const localhost = (port: number): Endpoint => ({ ...APP, host: '127.0.0.1', port, prefix: '' });

export const socketsFor = (openFiles: number): number => Math.floor(openFiles * 0.9) - OWN_FILES;

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It runs, as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Only Linux shows the CPU time of other processes. */
export const MEASURES_CPU = existsSync('/proc/self/schedstat');

const measurable = (pid: number): number => (MEASURES_CPU ? pid : 0);

const COLLECTOR = new URL('./servers/collect-on-signal.mjs', import.meta.url).href;
const COUNTING = new URL('./servers/counting.mjs', import.meta.url).href;
const NAIVE = new URL('./servers/naive.ts', import.meta.url).pathname;

export interface Start {
  readonly core?: number | undefined;
  /** Options of Node. */
  readonly nodeOptions?: readonly string[];
  readonly variables?: Readonly<Record<string, string>>;
}

/** Starts Wavehall as in production, but without limits for a single client. */
export async function startWavehall({ core, nodeOptions = [], variables = {} }: Start): Promise<Contestant> {
  const server = await startServer({
    ...APP_VARIABLES,
    WAVEHALL_MAX_SUBSCRIPTIONS: '0',
    WAVEHALL_MAX_MESSAGES_PER_SECOND: '0',
    ...variables,
    NODE_OPTIONS: [`--import=${COLLECTOR}`, ...nodeOptions].join(' '),
  });
  pin(server.pid, core);
  return {
    name: 'Wavehall',
    role: 'wavehall',
    endpoint: localhost(server.port),
    pid: measurable(server.pid),
    maxSockets: socketsFor(openFilesOf(server.pid, true)),
    collectsGarbage: true,
    isAlive: () => isRunning(server.pid),
    close: async () => {
      server.kill('SIGKILL');
      await server.exited;
    },
  };
}

/** Starts Wavehall as `startUncounted` does, but with the code that counts. */
export const startCounted = (start: Start): Promise<Contestant> =>
  startWavehall({ ...start, nodeOptions: [`--import=${COUNTING}`] });

/** Starts Wavehall without the code that counts its traffic. */
export async function startUncounted(start: Start): Promise<Contestant> {
  const variables = { ...start.variables, COUNTING: 'off' };
  return { ...(await startCounted({ ...start, variables })), name: 'without metrics', role: 'other' };
}

/** Starts Wavehall without the trace. */
export async function startUntraced(start: Start): Promise<Contestant> {
  const variables = { ...start.variables, WAVEHALL_TRACE_BYTES: '0' };
  return { ...(await startWavehall({ ...start, variables })), name: 'without trace', role: 'other' };
}

/** Starts the naive server for its application `bare`, which only calls `socket.write`; for fan-outs only. */
export async function startBareWrite(start: Start): Promise<Contestant> {
  const naive = await startNaive(start);
  return { ...naive, name: 'bare write', endpoint: { ...naive.endpoint, id: 'bare', key: 'bare' } };
}

export const startNaive = ({ core, nodeOptions = [] }: Start): Promise<Contestant> =>
  startProgram('naive ws', 'naive', core, [
    process.execPath,
    ...nodeOptions,
    ...['--import', COLLECTOR, '--import', 'tsx', '--conditions=source', NAIVE],
  ]);

export const startFloor = (program: string, mode: 'send' | 'join', { core }: Start): Promise<Contestant> =>
  startProgram(`floor ${mode}`, 'floor', core, [program, mode]);

/** Starts a program that prints the port on which it listens. */
export async function startProgram(
  name: string,
  role: Role,
  core: number | undefined,
  [program = '', ...args]: readonly string[],
): Promise<Contestant> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), exited])) as [string];
  const pid = child.pid ?? 0;
  pin(pid, core);
  return {
    name,
    role,
    endpoint: localhost(Number(line)),
    pid: measurable(pid),
    maxSockets: socketsFor(openFilesOf(pid, role !== 'floor')),
    collectsGarbage: role === 'naive',
    isAlive: () => isRunning(pid),
    close: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Parses `name=host:port,id,key,secret[,pid[,largest number of sockets]]`. */
export function parseAgainst(text: string): Omit<Contestant, 'isAlive' | 'close'> {
  const [, name, host, port, id, key, secret, pid = '', maxSockets] =
    /^([^=]+)=([^,]+):(\d+),([^,]+),([^,]+),([^,]+)(?:,(\d*))?(?:,(\d+))?$/.exec(text) ?? [];
  if (!name || !host || !port || !id || !key || !secret)
    throw new Error(`"${text}" is not NAME=HOST:PORT,ID,KEY,SECRET[,PID[,MAX_SOCKETS]]`);
  const files = pid === '' || !isRunning(Number(pid)) ? 1_000_000 : openFilesOf(Number(pid), true);
  return {
    name,
    role: 'other',
    endpoint: {
      host: host === 'localhost' ? '127.0.0.1' : host,
      port: Number(port),
      id,
      key,
      secret,
      prefix: '',
    },
    pid: measurable(Number(pid)),
    maxSockets: Math.min(
      Number(maxSockets ?? Infinity),
      usesSelect(Number(pid)) ? SELECT_SOCKETS : Infinity,
      socketsFor(files),
    ),
    collectsGarbage: false,
  };
}

/** Below the 1,024 files of select(2), which PHP's event loop uses unless an extension provides another one. */
const SELECT_SOCKETS = 900;
const LOOP_EXTENSIONS = /\/(uv|ev|event)\.so/;

function usesSelect(pid: number): boolean {
  if (pid === 0 || !existsSync(`/proc/${pid}/maps`)) return false;
  const isPhp = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]?.includes('php') ?? false;
  return isPhp && !LOOP_EXTENSIONS.test(readFileSync(`/proc/${pid}/maps`, 'utf8'));
}

/** Adds a server that already runs; closing only gives it its former cores back. */
export function join(text: string, core: number | undefined): Contestant {
  const found = parseAgainst(text);
  if (found.pid !== 0 && !isRunning(found.pid))
    throw new Error(`${found.name}: there is no process ${found.pid}`);
  const cores = found.pid === 0 ? '' : affinityOf(found.pid);
  if (found.pid !== 0) pin(found.pid, core);
  return {
    ...found,
    isAlive: () => found.pid === 0 || isRunning(found.pid),
    close: () => {
      if (found.pid !== 0 && core !== undefined) unpin(found.pid, cores);
      return Promise.resolve();
    },
  };
}
