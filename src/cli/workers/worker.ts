import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { type Server, startServer } from '../../server/index.ts';
import type { WorkerGroup } from '../../server/worker-group.ts';
import type { Order } from './messages.ts';
import { sendToPrimary } from './send-to-primary.ts';

/** Serves until the primary orders a stop. Rejects when it cannot start. `node:cluster` ends this process when the primary has ended. */
export async function serveAsWorker(config: Config, logger: Logger): Promise<void> {
  const link = new PrimaryLink(config.workers);
  const server = await startServer(config, logger, link);
  link.serve(server);
  const { port, secure, apiPort, metricsPort } = server;
  sendToPrimary({ report: 'opened', at: { port, secure, apiPort, metricsPort } });
}

/** The channel to the primary. */
class PrimaryLink implements WorkerGroup {
  readonly count: number;
  readonly #handlers = new Map<string, () => unknown>();
  readonly #pending = new Map<number, (answers: readonly unknown[]) => void>();
  #server: Server | undefined;
  #open: (() => void) | undefined;
  #isListening = false;
  #isStopping = false;
  #last = 0;

  constructor(count: number) {
    this.count = count;
    process.on('message', (order: Order) => this.#obey(order));
  }

  /** Handles signals to this process too; a signal to the whole process group has the same effect as the primary's order. */
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
      sendToPrimary({ report: 'prepared' });
    });
  }

  onRequest(name: string, handler: () => unknown): void {
    this.#handlers.set(name, handler);
  }

  requestAll(question: string): Promise<readonly unknown[]> {
    const id = (this.#last += 1);
    return new Promise((resolve) => {
      this.#pending.set(id, (answers) =>
        resolve(answers.filter((each) => each !== undefined && each !== null)),
      );
      sendToPrimary({ report: 'ask', question, id });
    });
  }

  #obey(order: Order): void {
    switch (order.order) {
      case 'listen':
        this.#isListening = true;
        return this.#open?.();
      case 'stop':
        return this.#stopOnce();
      case 'finish-now':
        return this.#stop();
      case 'reload':
        return this.#server?.reloadTls();
      case 'answer':
        return void this.#answer(order.question, order.id);
      case 'answers':
        this.#pending.get(order.id)?.(order.answers);
        this.#pending.delete(order.id);
    }
  }

  #stopOnce(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#stop();
  }

  /** A second call ends the drain at once. A process that does not listen yet has no clients to drain. */
  #stop(): void {
    if (this.#server !== undefined) void this.#server.stop().then(() => process.exit(0));
    else if (!this.#isListening) process.exit(0);
  }

  async #answer(question: string, id: number): Promise<void> {
    sendToPrimary({ report: 'answer', id, answer: await this.#handlers.get(question)?.() });
  }
}
