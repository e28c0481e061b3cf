import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { sleep } from '../../src/core/util/time.ts';

export interface RunResult {
  readonly code: number | null;
  readonly output: string;
}

/** Marker at the end of a block's output, before the folder in which it ended. */
const FOLDER = '\u0001folder:';
const STOP_TIMEOUT_MS = 20_000;

/**
 * Terminal that runs pasted blocks in a real shell, each in the folder in which the previous one ended.
 * A server runs until `close`, or until another one is started on its port.
 */
export class Terminal {
  #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #limitMs: number;
  readonly #servers = new Map<number, ChildProcess>();

  constructor(folder: string, env: NodeJS.ProcessEnv, limitMs: number) {
    this.#folder = folder;
    this.#env = env;
    this.#limitMs = limitMs;
  }

  goTo(folder: string): void {
    this.#folder = folder;
  }

  /** Runs a block; at the time limit it is stopped and has no exit code. */
  async run(text: string): Promise<RunResult> {
    const child = this.#spawn(`${text}\nprintf '${FOLDER}%s' "$PWD"`);
    const output = collect(child);
    const timer = setTimeout(() => void stop(child), this.#limitMs);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    const [printed = '', folder = this.#folder] = output().split(FOLDER);
    if (code === 0) this.#folder = folder;
    return { code, output: printed };
  }

  /** Starts a block that runs until it is stopped, after stopping the server on `port`; resolves when `isUp` returns true. */
  async start(text: string, port: number, isUp: () => Promise<boolean>): Promise<void> {
    const former = this.#servers.get(port);
    if (former !== undefined) await stop(former);
    const child = this.#spawn(text);
    this.#servers.set(port, child);
    const output = collect(child);
    const until = Date.now() + this.#limitMs;
    while (!(await isUp())) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
      if (Date.now() > until) throw new Error(`does not answer on port ${port}:\n${output()}`);
      await sleep(50);
    }
  }

  /** Stops all servers and their child processes. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers.values()].map(stop));
  }

  #spawn(script: string): ChildProcess {
    return spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {
      cwd: this.#folder,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }
}

function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return () => output;
}

async function stop(child: ChildProcess): Promise<void> {
  const signal = (name: NodeJS.Signals): void => {
    try {
      process.kill(-(child.pid ?? 0), name);
    } catch {
      // The group has ended.
    }
  };
  const closed = child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined;
  signal('SIGINT');
  const killTimer = setTimeout(() => signal('SIGKILL'), STOP_TIMEOUT_MS);
  await closed;
  clearTimeout(killTimer);
  signal('SIGKILL');
}
