import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { sleep } from '../../src/core/util/time.ts';

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Marks, at the end of a block's output, the folder that it ended in. */
const FOLDER = '\u0001folder:';
const STOP_TIMEOUT_MS = 20_000;

/**
 * A reader's terminal: pasted blocks run in a real shell, one after another, in the folder where the last one ended.
 * What keeps running (a server) keeps running until `close` or until something else is started on its port.
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

  /** Runs a block to its end; one that does not end in time is stopped, and has no code. */
  async run(text: string): Promise<Ran> {
    const child = this.#spawn(`${text}\nprintf '${FOLDER}%s' "$PWD"`);
    const output = collect(child);
    const late = setTimeout(() => void stop(child), this.#limitMs);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(late);
    const [printed = '', folder = this.#folder] = output().split(FOLDER);
    if (code === 0) this.#folder = folder;
    return { code, output: printed };
  }

  /** Starts a block that does not end by itself, in place of what runs on `port`; resolves when `isUp` says so. */
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

  /** Ends what still runs, with its children. */
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
  const patience = setTimeout(() => signal('SIGKILL'), STOP_TIMEOUT_MS);
  await closed;
  clearTimeout(patience);
  signal('SIGKILL');
}
