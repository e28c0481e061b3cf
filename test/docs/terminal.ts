import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

export interface Ran {
  readonly code: number | null;
  readonly output: string;
  /** The folder in which the block left the terminal. */
  readonly folder: string;
}

/** Marks, at the end of a block's output, the folder that it ended in. */
const FOLDER = '\u0001folder:';
const STOP_TIMEOUT_MS = 20_000;

/**
 * A reader's terminal: pasted blocks run in a real shell, one after another, in the folder where the last one ended.
 * What keeps running (a server) keeps running until `close`, as in a second terminal.
 */
export class Terminal {
  #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running: ChildProcess[] = [];

  constructor(folder: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Runs a block to its end. */
  async run(text: string): Promise<Ran> {
    const child = this.#spawn(`${text}\nprintf '${FOLDER}%s' "$PWD"`);
    const output = collect(child);
    const [code] = (await once(child, 'close')) as [number | null];
    const [printed = '', folder = this.#folder] = output().split(FOLDER);
    if (code === 0) this.#folder = folder;
    return { code, output: printed, folder: this.#folder };
  }

  /** Starts a block that does not end by itself; resolves when `isUp` says so. */
  async start(text: string, isUp: () => Promise<boolean>): Promise<void> {
    const child = this.#spawn(text);
    this.#running.push(child);
    const output = collect(child);
    while (!(await isUp())) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`ended with ${child.exitCode ?? child.signalCode}:\n${output()}`);
      await pause(100);
    }
  }

  /** Ends what still runs, with its children. */
  async close(): Promise<void> {
    await Promise.all(this.#running.map(stop));
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
