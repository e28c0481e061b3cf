import type { Handover, ProcessLink } from '../../core/ports/nodes/handover.ts';

/** A listening socket of the operating system, which one process can pass to another. */
export interface PortHandle {
  close(): void;
}

/** Form of the state and of the calls between two processes. A process of another version, with another form, begins without the state. */
const STATE_FORM = 1;

/** Messages between a process and the one that replaces it (SPEC 2.17). The texts are those of the stores. */
export type PeerMessage =
  | { readonly type: 'want-ports' | 'ports-given' | 'state-follows' | 'no-state' }
  | { readonly type: 'want-state'; readonly form: number }
  /** The handle of a listening port comes with the message. */
  | { readonly type: 'port'; readonly name: string }
  | { readonly type: 'text'; readonly text: string };

/** Sends to the other process. Resolves when the message has left this one; never rejects. */
export type SendToPeer = (message: PeerMessage, handle?: PortHandle) => Promise<void>;

/** Ports and state that a process gives to the one that replaces it. */
export interface Gift {
  readonly ports: ReadonlyMap<string, PortHandle>;
  /** `undefined`: the state is in no process. */
  readonly giveState: ((link: ProcessLink) => Promise<void>) | undefined;
}

/** The other process, while one of the two replaces the other. */
export class Peer implements ProcessLink {
  readonly #send: SendToPeer;
  readonly #ports = new Map<string, PortHandle>();
  readonly #ended: (() => void)[] = [];
  #receiveText: (text: string) => void = () => undefined;
  #answered: ((type: PeerMessage['type'] | 'ended') => void) | undefined;
  #gift: (() => Gift) | undefined;

  constructor(send: SendToPeer) {
    this.#send = send;
  }

  send(text: string): Promise<void> {
    return this.#send({ type: 'text', text });
  }

  onText(receive: (text: string) => void): void {
    this.#receiveText = receive;
  }

  onEnd(listener: () => void): void {
    this.#ended.push(listener);
  }

  /** Asks for the listening ports, by name; none when the other process ends before it has given them. */
  async takePorts(): Promise<ReadonlyMap<string, PortHandle>> {
    await this.#ask({ type: 'want-ports' });
    return this.#ports;
  }

  /** Resolves when `handover` has the state of the other process, or when there is none to take. */
  async takeState(handover: Handover | undefined): Promise<void> {
    if (handover === undefined) return;
    const taken = handover.take(this);
    if ((await this.#ask({ type: 'want-state', form: STATE_FORM })) === 'state-follows')
      await Promise.race([taken, new Promise<void>((resolve) => this.onEnd(resolve))]);
  }

  /** Gives the other process what it asks for. */
  give(gift: () => Gift): void {
    this.#gift = gift;
  }

  receive(message: PeerMessage, handle?: PortHandle): void {
    switch (message.type) {
      case 'text':
        return this.#receiveText(message.text);
      case 'port':
        if (handle !== undefined) this.#ports.set(message.name, handle);
        return;
      case 'want-ports':
        return this.#givePorts();
      case 'want-state':
        return this.#giveState(message.form);
      case 'ports-given':
      case 'state-follows':
      case 'no-state':
        return this.#answered?.(message.type);
    }
  }

  /** Called when the other process has ended. */
  ended(): void {
    this.#answered?.('ended');
    for (const listener of this.#ended) listener();
  }

  #ask(message: PeerMessage): Promise<PeerMessage['type'] | 'ended'> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      void this.#send(message);
    });
  }

  #givePorts(): void {
    for (const [name, handle] of this.#gift?.().ports ?? []) void this.#send({ type: 'port', name }, handle);
    void this.#send({ type: 'ports-given' });
  }

  #giveState(form: number): void {
    const giveState = form === STATE_FORM ? this.#gift?.().giveState : undefined;
    void this.#send({ type: giveState === undefined ? 'no-state' : 'state-follows' });
    void giveState?.(this);
  }
}
