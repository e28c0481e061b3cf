/** The machine that a benchmark runs on, its limits, and the use of its cores. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly date: string;
  /** Load average of the last minute, before the servers were started. */
  readonly load: number;
  /** Files that one process may have open. */
  readonly openFiles: number;
}

export function readMachine(): Machine {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: allowedCores().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    load: loadavg()[0] ?? 0,
    openFiles: openFilesOf('self'),
  };
}

/** The hard limit of open files, to which a process may raise itself; `running`: its present limit. */
export function openFilesOf(pid: number | 'self', running = false): number {
  if (!existsSync(`/proc/${pid}/limits`)) return 256;
  const text = readFileSync(`/proc/${pid}/limits`, 'utf8');
  const [, soft = '', hard = ''] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text) ?? [];
  const limit = running ? soft : hard;
  return limit === 'unlimited' ? 1_000_000 : Number(limit);
}

/** The cores of the servers and of the generator; `text` gives the reason if nothing is pinned. */
export interface Pinning {
  readonly server: number | undefined;
  readonly generator: number | undefined;
  /** True if generator and servers share no core. */
  readonly isApart: boolean;
  readonly text: string;
}

export function planPinning(cores: readonly number[] = allowedCores(), tool = 'taskset'): Pinning {
  const none = (text: string): Pinning => ({ server: undefined, generator: undefined, isApart: false, text });
  if (!runs(tool, ['-V'])) return none('nothing is pinned: there is no taskset');
  const [server, ...others] = cores;
  if (server === undefined || others.length === 0)
    return none('nothing is pinned: there is one core, and server and generator share it');
  const siblings = siblingsOf(server);
  const apart = others.find((core) => !siblings.includes(core));
  const generator = apart ?? others[0];
  const text = `servers on core ${server}, generator on core ${generator}`;
  return { server, generator, isApart: apart !== undefined, text };
}

/** Pins all threads of a process; returns false if that is not allowed. */
export function pin(pid: number, core: number | undefined): boolean {
  return core === undefined || runs('taskset', ['-a', '-cp', `${core}`, `${pid}`]);
}

/** The cores on which a process may run, in the format of taskset. */
export const affinityOf = (pid: number): string => coresOf(pid) || '0';

export function unpin(pid: number, cores: string): void {
  runs('taskset', ['-a', '-cp', cores, `${pid}`]);
}

function runs(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function coresOf(pid: number | 'self'): string {
  if (!existsSync(`/proc/${pid}/status`)) return '';
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
}

function allowedCores(): number[] {
  const list = coresOf('self');
  return list === '' ? cpus().map((_, at) => at) : numbersIn(list);
}

/** Parses a list such as `0-2,5`. */
function numbersIn(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
}

/** Hardware threads of the same core; they share its time. */
function siblingsOf(core: number): number[] {
  const file = `/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`;
  return existsSync(file) ? numbersIn(readFileSync(file, 'utf8').trim()) : [core];
}
