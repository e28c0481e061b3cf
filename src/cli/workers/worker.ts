import { getSystemErrorMap } from 'node:util';
import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { type Server, startServer } from '../../server/index.ts';
import type { WorkerGroup } from '../../server/worker-group.ts';
import type { Order, Report } from './messages.ts';

/** Names the place that a worker was started for. The primary's process id: it is no setting that is inherited. */
export const WORKER_VARIABLE = 'WAVEHALL_WORKER';

export const workerMark = (number: number, primary: number): string => `${number}/${primary}`;

/** Which worker this process is; `undefined`: none of ours. */
export function ownNumber(): number | undefined {
  const [number, primary] = (process.env[WORKER_VARIABLE] ?? '').split('/');
  return process.send !== undefined && primary === String(process.ppid) ? Number(number) : undefined;
}

/** Sends a report to the primary; one that cannot be sent is dropped, since the primary is gone. */
const tell = (report: Report): void => void process.send?.(report, () => undefined);

/** The primary says it, once for all workers, and ends this process. */
export const failAsWorker = (problems: readonly string[]): void => tell({ report: 'failed', problems });

/** Serves until the primary says otherwise. Rejects when it cannot. When the primary is gone, `node:cluster` ends this process. */
export async function serveAsWorker(config: Config, logger: Logger): Promise<void> {
  const link = new PrimaryLink(config.workers);
  const server = await startServer(config, logger, link).catch(rephrase);
  link.serve(server);
  tell({ report: 'opened', at: { port: server.port, secure: server.secure } });
}

/** The primary binds the port for a worker; the operator reads what a single process would have said. */
function rephrase(error: NodeJS.ErrnoException & { address?: string; port?: number }): never {
  const [code, words] = getSystemErrorMap().get(error.errno ?? 0) ?? [];
  if (error.syscall !== 'bind' || code === undefined || words === undefined) throw error;
  throw new Error(`listen ${code}: ${words} ${error.address ?? ''}:${error.port ?? ''}`, { cause: error });
}

/** The other end is the primary. */
class PrimaryLink implements WorkerGroup {
  readonly count: number;
  readonly #handlers = new Map<string, () => unknown>();
  readonly #asked = new Map<number, (answers: readonly unknown[]) => void>();
  #server: Server | undefined;
  #open: (() => void) | undefined;
  #isOpening = false;
  #isStopping = false;
  #last = 0;

  constructor(count: number) {
    this.count = count;
    process.on('message', (order: Order) => this.#obey(order));
  }

  /** A signal of its own, or one that the whole group was sent, does no more than the primary's order. */
  serve(server: Server): void {
    this.#server = server;
    process.on('SIGTERM', () => this.#stopOnce());
    process.on('SIGINT', () => this.#stopOnce());
    process.on('SIGHUP', () => server.reloadTls());
    if (this.#isStopping) this.#stop();
  }

  waitUntilAllPrepared(): Promise<void> {
    return new Promise((resolve) => {
      this.#open = resolve;
      tell({ report: 'prepared' });
    });
  }

  onRequest(name: string, handler: () => unknown): void {
    this.#handlers.set(name, handler);
  }

  requestAll(question: string): Promise<readonly unknown[]> {
    const id = (this.#last += 1);
    return new Promise((resolve) => {
      this.#asked.set(id, (answers) =>
        resolve(answers.filter((each) => each !== undefined && each !== null)),
      );
      tell({ report: 'ask', question, id });
    });
  }

  #obey(order: Order): void {
    switch (order.order) {
      case 'open':
        this.#isOpening = true;
        return this.#open?.();
      case 'stop':
        return this.#stopOnce();
      case 'hasten':
        return this.#stop();
      case 'reload':
        return this.#server?.reloadTls();
      case 'answer':
        return void this.#answer(order.question, order.id);
      case 'answers':
        this.#asked.get(order.id)?.(order.answers);
        this.#asked.delete(order.id);
    }
  }

  #stopOnce(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#stop();
  }

  /** Called again, it hastens. Before the door is open there is nobody to say goodbye to. */
  #stop(): void {
    if (this.#server !== undefined) void this.#server.stop().then(() => process.exit(0));
    else if (!this.#isOpening) process.exit(0);
  }

  async #answer(question: string, id: number): Promise<void> {
    tell({ report: 'answer', id, answer: await this.#handlers.get(question)?.() });
  }
}
