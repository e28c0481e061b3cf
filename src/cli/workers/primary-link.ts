import { type Gift, Peer, type PortHandle } from '../../server/handover/peer.ts';
import type { Processes } from '../../server/handover/processes.ts';
import type { RestartAnswer, WorkerGroup } from '../../server/worker-group.ts';
import type { Action, Opened, Order, Report } from './messages.ts';
import { runOwnCommand } from './own-command.ts';
import type { PrimaryChannel } from './primary-channel.ts';

/** Time in which the primary's order follows a signal to the whole process group. */
const ORDER_MS = 500;

/** The server of this process. */
interface Server extends Opened {
  stop(how: { readonly isReplaced: boolean }): Promise<void>;
  reloadTls(): void;
  gift(): Gift;
}

/** A serving process' view of its primary and of the other processes. */
export class PrimaryLink implements Processes, WorkerGroup {
  readonly count: number;
  readonly restarts: number;
  readonly #channel: PrimaryChannel;
  readonly #handlers = new Map<string, (argument: unknown) => unknown>();
  readonly #pending = new Map<number, (answers: readonly unknown[]) => void>();
  #server: Server | undefined;
  #open: ((predecessor: Peer | undefined) => void) | undefined;
  #peer: Peer;
  #isListening = false;
  #isStopping = false;
  #isReplaced = false;
  #last = 0;

  constructor(channel: PrimaryChannel, { workers, restarts }: { workers: number; restarts: number }) {
    this.count = workers;
    this.restarts = restarts;
    this.#channel = channel;
    this.#peer = this.#createPeer();
    channel.onOrder((order, handle) => this.#obey(order, handle));
  }

  get workers(): WorkerGroup | undefined {
    return this.count > 1 ? this : undefined;
  }

  /**
   * Obeys the primary until it orders a stop. Rejects when the server cannot start. Handles signals to this process too; one to the
   * whole process group has the same effect as the primary's order.
   */
  async serve(starting: Promise<Server>): Promise<void> {
    const server = await starting;
    this.#server = server;
    this.#channel.onSignal('SIGTERM', () => this.#onSignal());
    this.#channel.onSignal('SIGINT', () => this.#onSignal());
    this.#channel.onSignal('SIGHUP', () => server.reloadTls());
    const { port, secure, apiPort, metricsPort } = server;
    void this.#channel.send({ report: 'opened', at: { port, secure, apiPort, metricsPort } });
    if (this.#isStopping) this.#stop();
  }

  waitUntilMayListen(): Promise<Peer | undefined> {
    return new Promise((resolve) => {
      this.#open = resolve;
      void this.#channel.send({ report: 'prepared' });
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

  runCommand(...[command, settings]: Parameters<Processes['runCommand']>): Promise<object> {
    return runOwnCommand(command, settings);
  }

  async #act(action: Action): Promise<RestartAnswer> {
    const [answer] = await this.#ask((id) => ({ report: 'act', action, id }));
    return answer as RestartAnswer;
  }

  #ask(reportOf: (id: number) => Report): Promise<readonly unknown[]> {
    const id = (this.#last += 1);
    return new Promise((resolve) => {
      this.#pending.set(id, resolve);
      void this.#channel.send(reportOf(id));
    });
  }

  #obey(order: Order, handle?: PortHandle): void {
    switch (order.order) {
      case 'listen':
        this.#isListening = true;
        return this.#open?.(order.takesOver === true ? this.#peer : undefined);
      case 'stop':
        return this.#stopOnce();
      case 'retire':
        return this.#retire();
      case 'finish-now':
        return this.#stop();
      case 'reload':
        return this.#server?.reloadTls();
      case 'peer':
        return this.#peer.receive(order.message, handle);
      case 'peer-ended':
        return this.#onPeerEnded();
      case 'answer':
        return void this.#answer(order);
      case 'answers':
        this.#pending.get(order.id)?.(order.answers);
        this.#pending.delete(order.id);
    }
  }

  /** The next messages of a peer are those of another process. */
  #onPeerEnded(): void {
    const ended = this.#peer;
    this.#peer = this.#createPeer();
    ended.ended();
  }

  #createPeer(): Peer {
    const send = this.#channel.send.bind(this.#channel);
    const peer = new Peer((message, handle) => send({ report: 'peer', message }, handle));
    peer.give(() => this.#server?.gift() ?? NOTHING);
    return peer;
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
    if (this.#server !== undefined) void this.#server.stop(how).then(() => this.#channel.exit());
    else if (!this.#isListening) this.#channel.exit();
  }

  async #answer({ question, argument, id }: Extract<Order, { order: 'answer' }>): Promise<void> {
    const answer = await this.#handlers.get(question)?.(argument);
    void this.#channel.send({ report: 'answer', id, answer });
  }
}

const NOTHING = { ports: new Map(), giveState: undefined };
