import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A database server that a test can kill, stop and restart. */
export interface TestDatabase {
  /** The database with a user that may do everything in it. */
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Runs statements, one after another. */
  execute(...statements: readonly string[]): Promise<readonly Record<string, unknown>[]>;
  kill(): Promise<void>;
  /** Stops it: connections stay open, and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Starts it again on the same port, with its data. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const PASSWORD = 'p@ss/w:rd?';
const STOP_TIMEOUT_MS = 10_000;

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** The account that a server has to run as when the test runs as root; `undefined`: the test's own. */
export function accountOf(name: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export function newFolder(account: Account | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'wavehall-db-'));
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  return folder;
}

/** A process of a server with the processes that it has started. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = '';

  constructor(file: string, args: readonly string[], account: Account | undefined) {
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', ...account });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    this.#exited = once(this.#child, 'exit');
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get output(): string {
    return this.#output;
  }

  signalAll(signal: NodeJS.Signals): void {
    const { pid = 0 } = this.#child;
    for (const each of [pid, ...childrenOf(pid)]) {
      try {
        process.kill(each, signal);
      } catch {
        // It has ended by itself.
      }
    }
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.hasExited) return;
    this.signalAll('SIGCONT');
    this.#child.kill(signal);
    const timer = setTimeout(() => this.signalAll('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
};

export const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });
