import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MeasuredApp, Question, Usage } from './messages.ts';

const PROGRAM = fileURLToPath(new URL(`./measured-server${extname(import.meta.url)}`, import.meta.url));
/** The young generation of Node 20, and garbage collection where memory is read. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=16'];
const TIMEOUT_MS = 15_000;

/** The process of the measured server. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly app: MeasuredApp;

  private constructor(child: ChildProcess, app: MeasuredApp) {
    this.#child = child;
    this.app = app;
  }

  /** Starts it on a free port of the loopback. Rejects if it ends or does not listen in time. */
  static async start(): Promise<ServerProcess> {
    const child = fork(PROGRAM, [], {
      execArgv: [...process.execArgv, ...FLAGS],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    try {
      return new ServerProcess(child, (await answerOf(child)) as MeasuredApp);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Reads its use of CPU and memory. */
  usage(question: Question): Promise<Usage> {
    this.#child.send(question);
    return answerOf(this.#child) as Promise<Usage>;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** Next message of the child. */
async function answerOf(child: ChildProcess): Promise<unknown> {
  const waiting = new AbortController();
  const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const failed = once(child, 'exit', { signal }).then(() => {
    throw new Error('it ended');
  });
  const answered = once(child, 'message', { signal }).then(([message]: unknown[]) => message);
  try {
    return await Promise.race([answered, failed]);
  } catch {
    throw new Error(
      'The server that is measured did not answer; is this machine out of memory or open files?',
    );
  } finally {
    void Promise.allSettled([answered, failed]);
    waiting.abort();
  }
}
