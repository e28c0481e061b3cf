/** The servers that are measured side by side: Wavehall, the floor, the naive server, and any server that runs already. */
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
  /** 0: not known, so there is no CPU time and no memory of it. */
  readonly pid: number;
  readonly maxSockets: number;
  /** SIGUSR2 collects its garbage. */
  readonly collects: boolean;
  isAlive(): boolean;
  close(): Promise<void>;
}

/** Files that a process needs for itself, beside its sockets. */
const OWN_FILES = 300;

const localhost = (port: number): Endpoint => ({ ...APP, host: '127.0.0.1', port, prefix: '' });

export const socketsFor = (openFiles: number): number => Math.floor(openFiles * 0.9) - OWN_FILES;

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It is somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Only Linux shows how long other processes have run. */
export const MEASURES_CPU = existsSync('/proc/self/schedstat');

const measurable = (pid: number): number => (MEASURES_CPU ? pid : 0);

const COLLECTOR = new URL('./servers/collect-on-signal.mjs', import.meta.url).href;
const NAIVE = new URL('./servers/naive.ts', import.meta.url).pathname;

export interface Start {
  readonly core?: number | undefined;
  /** For the Node that it runs on. */
  readonly nodeOptions?: readonly string[];
}

/** Starts Wavehall as in production, but without the limits for one client. */
export async function startWavehall({ core, nodeOptions = [] }: Start): Promise<Contestant> {
  const server = await startServer({
    ...APP_VARIABLES,
    WAVEHALL_MAX_SUBSCRIPTIONS: '0',
    WAVEHALL_MAX_MESSAGES_PER_SECOND: '0',
    NODE_OPTIONS: [`--import=${COLLECTOR}`, ...nodeOptions].join(' '),
  });
  pin(server.pid, core);
  return {
    name: 'Wavehall',
    role: 'wavehall',
    endpoint: localhost(server.port),
    pid: measurable(server.pid),
    maxSockets: socketsFor(openFilesOf(server.pid, true)),
    collects: true,
    isAlive: () => isRunning(server.pid),
    close: async () => {
      server.kill('SIGKILL');
      await server.exited;
    },
  };
}

/** The naive server's application of `socket.write` and nothing else, for fan-outs only: a process of its own. */
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
async function startProgram(
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
    collects: role === 'naive',
    isAlive: () => isRunning(pid),
    close: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** `name=host:port,id,key,secret[,pid[,most sockets]]` */
export function parseAgainst(text: string): Omit<Contestant, 'isAlive' | 'close'> {
  const [, name, host, port, id, key, secret, pid = '', most] =
    /^([^=]+)=([^,]+):(\d+),([^,]+),([^,]+),([^,]+)(?:,(\d*))?(?:,(\d+))?$/.exec(text) ?? [];
  if (!name || !host || !port || !id || !key || !secret)
    throw new Error(`"${text}" is not NAME=HOST:PORT,ID,KEY,SECRET[,PID[,MOST_SOCKETS]]`);
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
      Number(most ?? Infinity),
      selects(Number(pid)) ? SELECT_SOCKETS : Infinity,
      socketsFor(files),
    ),
    collects: false,
  };
}

/** select(2) stops at 1,024 files; that is what PHP's event loop uses without an extension for another. */
const SELECT_SOCKETS = 900;
const OTHER_LOOPS = /\/(uv|ev|event)\.so/;

function selects(pid: number): boolean {
  if (pid === 0 || !existsSync(`/proc/${pid}/maps`)) return false;
  const isPhp = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]?.includes('php') ?? false;
  return isPhp && !OTHER_LOOPS.test(readFileSync(`/proc/${pid}/maps`, 'utf8'));
}

/** It ran before and keeps running; it may use its former cores again. */
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
