import type { Config } from '../../config/index.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { type Server, startServer } from '../../server/index.ts';
import type { RestartAnswer, WorkerGroup } from '../../server/worker-group.ts';
import type { WorkerMark } from './mark.ts';
import type { Action, Order, Report } from './messages.ts';
import { sendToPrimary } from './send-to-primary.ts';

/** Time in which the primary's order follows a signal to the whole process group. */
const ORDER_MS = 500;

/** Serves until the primary orders a stop. Rejects when it cannot start. `node:cluster` ends this process when the primary has ended. */
export async function serveAsWorker(config: Config, logger: Logger, { restarts }: WorkerMark): Promise<void> {
  const link = new PrimaryLink(config.workers, restarts);
  const server = await startServer(config, logger, link);
  link.serve(server);
  const { port, secure, apiPort, metricsPort } = server;
  sendToPrimary({ report: 'opened', at: { port, secure, apiPort, metricsPort } });
}

/** The channel to the primary. */
class PrimaryLink implements WorkerGroup {
  readonly count: number;
  readonly restarts: number;
  readonly #handlers = new Map<string, (argument: unknown) => unknown>();
  readonly #pending = new Map<number, (answers: readonly unknown[]) => void>();
  #server: Server | undefined;
  #open: (() => void) | undefined;
  #isListening = false;
  #isStopping = false;
  #isReplaced = false;
  #last = 0;

  constructor(count: number, restarts: number) {
    this.count = count;
    this.restarts = restarts;
    process.on('message', (order: Order) => this.#obey(order));
  }

  /** Handles signals to this process too; one to the whole process group has the same effect as the primary's order. */
  serve(server: Server): void {
    this.#server = server;
    process.on('SIGTERM', () => this.#onSignal());
    process.on('SIGINT', () => this.#onSignal());
    process.on('SIGHUP', () => server.reloadTls());
    if (this.#isStopping) this.#stop();
  }

  waitUntilAllPrepared(): Promise<void> {
    return new Promise((resolve) => {
      this.#open = resolve;
      sendToPrimary({ report: 'prepared' });
    });
  }

  onRequest(name: string, handler: (argument: unknown) => unknown): void {
    this.#handlers.set(name, handler);
  }

  async requestAll(question: string, argument?: object): Promise<readonly unknown[]> {
    const asked = { question, ...(argument && { argument }) };
    const answers = await this.#ask((id) => ({ report: 'ask', ...asked, id }));
    return answers.filter((each) => each !== undefined && each !== null);
  }

  restart(by: string): Promise<RestartAnswer> {
    return this.#act({ restartBy: by });
  }

  restartState(): Promise<RestartAnswer> {
    return this.#act({});
  }

  async #act(action: Action): Promise<RestartAnswer> {
    const [answer] = await this.#ask((id) => ({ report: 'act', action, id }));
    return answer as RestartAnswer;
  }

  #ask(reportOf: (id: number) => Report): Promise<readonly unknown[]> {
    const id = (this.#last += 1);
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      sendToPrimary(reportOf(id));
    });
  }

  #obey(order: Order): void {
    switch (order.order) {
      case 'listen':
        this.#isListening = true;
        return this.#open?.();
      case 'stop':
        return this.#stopOnce();
      case 'retire':
        return this.#retire();
      case 'finish-now':
        return this.#stop();
      case 'reload':
        return this.#server?.reloadTls();
      case 'answer':
        return void this.#answer(order);
      case 'answers':
        this.#pending.get(order.id)?.(order.answers);
        this.#pending.delete(order.id);
    }
  }

  /** The signal was sent to all processes if the primary's order follows; else to this one, and the others serve the ports. */
  #onSignal(): void {
    setTimeout(() => this.#retire(), ORDER_MS);
  }

  #retire(): void {
    this.#isReplaced ||= !this.#isStopping;
    this.#stopOnce();
  }

  #stopOnce(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#stop();
  }

  /** A second call ends the drain at once. A process that does not listen yet has no clients to drain. */
  #stop(): void {
    const how = { isReplaced: this.#isReplaced };
    if (this.#server !== undefined) void this.#server.stop(how).then(() => process.exit(0));
    else if (!this.#isListening) process.exit(0);
  }

  async #answer({ question, argument, id }: Extract<Order, { order: 'answer' }>): Promise<void> {
    sendToPrimary({ report: 'answer', id, answer: await this.#handlers.get(question)?.(argument) });
  }
}
