import { randomUUID } from 'node:crypto';
import type { SessionNodes } from '../../core/ports/nodes/session-nodes.ts';

type SavedSession = readonly [session: string, node: string];

/** Sessions of a single node: of this process, and for a while of the one that it replaces (SPEC 2.17). */
export class MemorySessionNodes implements SessionNodes {
  readonly name: string = randomUUID();
  readonly #holders = new Map<string, string>();
  #receive: (message: string) => void = () => undefined;
  #earlier: { readonly name: string; readonly send: (message: string) => void } | undefined;

  onMessage(receive: (message: string) => void): void {
    this.#receive = receive;
  }

  receive(message: string): void {
    this.#receive(message);
  }

  send(node: string, message: string): void {
    if (node === this.name) setImmediate(() => this.#receive(message));
    else if (node === this.#earlier?.name) this.#earlier.send(message);
  }

  claim(session: string): Promise<string> {
    return Promise.resolve(this.#claim(this.name, session));
  }

  holderOf(session: string): Promise<string | undefined> {
    return Promise.resolve(this.#holders.get(session));
  }

  release(session: string): void {
    this.#release(this.name, session);
  }

  /** The part of the process that this one replaces. `name`: as it names itself; `send`: takes messages to it. */
  earlier(
    name: string,
    send: (message: string) => void,
  ): Pick<SessionNodes, 'send' | 'claim' | 'holderOf' | 'release'> {
    this.#earlier = { name, send };
    return {
      send: (node, message) => this.send(node, message),
      claim: (session) => Promise.resolve(this.#claim(name, session)),
      holderOf: (session) => this.holderOf(session),
      release: (session) => this.#release(name, session),
    };
  }

  earlierEnded(): void {
    this.#earlier = undefined;
    for (const [session, holder] of this.#holders) if (holder !== this.name) this.#holders.delete(session);
  }

  save(): Iterable<SavedSession> {
    return this.#holders.entries();
  }

  load([session, node]: SavedSession): void {
    this.#holders.set(session, node);
  }

  #claim(node: string, session: string): string {
    const holder = this.#holders.get(session) ?? node;
    this.#holders.set(session, holder);
    return holder;
  }

  #release(node: string, session: string): void {
    if (this.#holders.get(session) === node) this.#holders.delete(session);
  }
}
