import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Returns the ids of the running child processes of a process. */
export function childrenOf(pid: number): number[] {
  return (existsSync('/proc/self/stat') ? fromProc() : fromPs())
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child)
    .sort((left, right) => left - right);
}

type ParentOf = readonly [pid: number, parent: number];

const fromProc = (): ParentOf[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap(parentOf);

/** Returns the parent of a process; nothing for a process that has exited or is a zombie. */
function parentOf(name: string): ParentOf[] {
  try {
    const [state, parent] = readFileSync(`/proc/${name}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' ? [] : [[Number(name), Number(parent)]];
  } catch {
    return [];
  }
}

const fromPs = (): ParentOf[] =>
  [...execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).matchAll(/(\d+)\s+(\d+)/g)].map(
    ([, pid, parent]) => [Number(pid), Number(parent)],
  );

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !existsSync('/proc/self/stat') || parentOf(`${pid}`).length > 0;
}
