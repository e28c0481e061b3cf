import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Processes that were started by this one and still run. */
export function childrenOf(pid: number): number[] {
  return (existsSync('/proc/self/stat') ? fromProc() : fromPs())
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child)
    .sort((left, right) => left - right);
}

type Kinship = readonly [pid: number, parent: number];

const fromProc = (): Kinship[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(kinshipOf);

/** Parents of a process; one that has ended, or is a zombie, has none. */
function kinshipOf(name: string): Kinship[] {
  try {
    const [state, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' ? [] : [[Number(name), Number(parent)]];
  } catch {
    return [];
  }
}

const fromPs = (): Kinship[] =>
  [...execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).matchAll(/(\d+)\s+(\d+)/g)].map(
    ([, pid, parent]) => [Number(pid), Number(parent)],
  );

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !existsSync('/proc/self/stat') || kinshipOf(`${pid}`).length > 0;
}
