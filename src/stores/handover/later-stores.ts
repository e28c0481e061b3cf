import type { ProcessLink } from '../../core/ports/nodes/handover.ts';
import type { Deliver } from '../../core/ports/events.ts';
import { Unavailable } from '../../core/ports/failures.ts';
import type { Terminate } from '../../core/ports/stores.ts';
import { ignore } from '../../core/util/ignore.ts';
import { decode, encode, failureOf, type FromLater } from './messages.ts';
import type { Call } from './switch.ts';

/** Effects that the stores of the other process have here. */
export interface Received {
  readonly deliver: Deliver;
  readonly terminate: Terminate;
  readonly session: (message: string) => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The stores of the process that replaces this one, as this one uses them. */
export class LaterStores {
  readonly #link: ProcessLink;
  readonly #received: Received;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #hasEnded = false;

  constructor(link: ProcessLink, received: Received) {
    this.#link = link;
    this.#received = received;
    link.onText((text) => this.#receive(decode(text) as FromLater));
    link.onEnd(() => this.#end());
  }

  /** True when the other process has ended. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Sends an encoded `FromEarlier`. Resolves when it has left this process. */
  send(text: string): Promise<void> {
    return this.#link.send(text);
  }

  readonly call: Call = (store, method, args) => {
    const id = (this.#lastId += 1);
    const answer = new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    // Not every caller waits for the outcome.
    answer.catch(ignore);
    if (this.#hasEnded) this.#take(id)?.reject(ended());
    else void this.send(callText(id, store, method, args));
    return answer;
  };

  #receive(message: FromLater): void {
    switch (message.type) {
      case 'answer':
        return this.#take(message.id)?.resolve(message.value);
      case 'failed':
        return this.#take(message.id)?.reject(failureOf(message));
      case 'event':
        return this.#received.deliver(message.ref, message.event);
      case 'terminate':
        return this.#received.terminate(message.app, message.user);
      case 'session':
        return this.#received.session(message.message);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #end(): void {
    this.#hasEnded = true;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(ended());
  }
}

/** JSON would make `null` of a parameter that is not given. */
function callText(id: number, store: string, method: string, args: readonly unknown[]): string {
  const last = args.findLastIndex((each) => each !== undefined);
  return encode({ type: 'call', id, store, method, args: args.slice(0, last + 1) });
}

const ended = (): Unavailable => new Unavailable('the process that replaces this one has ended');
