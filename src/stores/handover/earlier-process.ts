import type { ProcessLink } from '../../core/ports/nodes/handover.ts';
import type { MemoryStores } from '../memory/index.ts';
import { decode, encode, type FromEarlier, type FromLater } from './messages.ts';
import { STATEFUL } from './state.ts';

type Methods = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The process that this one replaces: takes its state, and then serves its calls to the stores until it ends. */
export class EarlierProcess {
  readonly #link: ProcessLink;
  readonly #stores: MemoryStores;
  /** Stores as that process uses them. */
  #offered: Readonly<Record<string, object>> = {};

  constructor(link: ProcessLink, stores: MemoryStores) {
    this.#link = link;
    this.#stores = stores;
  }

  /** Resolves when all of its state is here. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#link.onText((text) => {
        const message = decode(text) as FromEarlier;
        if (message.type !== 'complete') return this.#receive(message);
        this.#begin(message.sessions);
        resolve();
      });
      this.#link.onEnd(() => this.#end());
    });
  }

  #receive(message: Exclude<FromEarlier, { type: 'complete' }>): void {
    if (message.type === 'call') return void this.#answer(message);
    for (const part of message.parts) STATEFUL[message.store]?.load(this.#stores, part);
  }

  /** From now on the other process keeps nothing of its own: what happens here is passed on to it. */
  #begin(sessions: string): void {
    const { broker, nodeCommands, membership, quota, sessionNodes } = this.#stores;
    broker.alsoDeliver((ref, event) => this.#send({ type: 'event', ref, event }));
    nodeCommands.alsoTerminate((app, user) => this.#send({ type: 'terminate', app, user }));
    this.#offered = {
      ...this.#stores,
      membership: membership.earlier(),
      quota: quota.earlier(),
      sessionNodes: sessionNodes.earlier(sessions, (message) => this.#send({ type: 'session', message })),
    };
  }

  async #answer({ id, store, method, args }: Extract<FromEarlier, { type: 'call' }>): Promise<void> {
    try {
      const value = await (this.#offered[store] as Methods)[method]?.(...(args as never[]));
      this.#send({ type: 'answer', id, value });
    } catch (error) {
      const { name, message: reason } = error as Error;
      this.#send({ type: 'failed', id, name, reason });
    }
  }

  /** Removes what it still held when it ended. */
  #end(): void {
    const { broker, nodeCommands, membership, quota, sessionNodes } = this.#stores;
    broker.alsoDeliver();
    nodeCommands.alsoTerminate();
    for (const each of [sessionNodes, quota, membership]) each.earlierEnded();
  }

  #send(message: FromLater): void {
    void this.#link.send(encode(message));
  }
}
