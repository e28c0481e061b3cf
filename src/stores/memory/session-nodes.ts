import type { SessionNodes } from '../../core/ports/nodes/session-nodes.ts';

/** Knows no other node: this one holds every session. */
export class MemorySessionNodes implements SessionNodes {
  readonly name = 'this';
  readonly #held = new Set<string>();
  #receive: (message: string) => void = () => undefined;

  onMessage(receive: (message: string) => void): void {
    this.#receive = receive;
  }

  send(node: string, message: string): void {
    if (node === this.name) setImmediate(() => this.#receive(message));
  }

  claim(session: string): Promise<string> {
    this.#held.add(session);
    return Promise.resolve(this.name);
  }

  holderOf(session: string): Promise<string | undefined> {
    return Promise.resolve(this.#held.has(session) ? this.name : undefined);
  }

  release(session: string): void {
    this.#held.delete(session);
  }
}
