import { randomUUID } from 'node:crypto';
import type { SessionNodes } from '../../../core/ports/nodes/session-nodes.ts';
import type { ReceiverKind } from '../receiver.ts';
import { inBeats, LOST_AFTER_MS } from './beats.ts';
import type { ForwardedResponse } from './forwarded-response.ts';
import type { NodeMessage } from './message.ts';

/** Time after which a send that was not confirmed is sent once more. */
const RETRY_MS = 2000;
const ATTEMPTS = 3;

/** Outcome of a send; `lost`: it is not known whether it arrived. */
export type SendOutcome = 'taken' | 'unknown' | 'lost';

type Of<Type extends NodeMessage['type']> = Extract<NodeMessage, { readonly type: Type }>;

interface ForwarderDeps {
  readonly nodes: SessionNodes;
  readonly send: (node: string, message: NodeMessage) => void;
}

/** Forwards requests of this node to the nodes that hold their sessions (SPEC 10.9). */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  readonly #responses = new Map<string, ForwardedResponse>();
  readonly #sends = new Map<string, (outcome: SendOutcome) => void>();
  /** The last send of each session: the next one waits for it. */
  readonly #lastSends = new Map<string, Promise<unknown>>();

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  /** Asks the holder for the lines of a session. `response`: takes them, and knows its holder. */
  attach(response: ForwardedResponse, session: string, kind: ReceiverKind): void {
    const { id, node } = response;
    this.#responses.set(id, response);
    this.#deps.send(node, { type: 'attach', from: this.#deps.nodes.name, id, session, kind });
  }

  /** Called when nothing is left of a response, or another session takes it. */
  forget({ id }: ForwardedResponse): void {
    this.#responses.delete(id);
  }

  /** Sends the messages of one body, after those of the bodies before; `null`: the body was too large. */
  async send(node: string, session: string, messages: readonly string[] | null): Promise<SendOutcome> {
    const before = this.#lastSends.get(session) ?? Promise.resolve();
    const sent = before.then(() => this.#sendNow(node, session, messages));
    this.#lastSends.set(session, sent);
    const outcome = await sent;
    if (this.#lastSends.get(session) === sent) this.#lastSends.delete(session);
    return outcome;
  }

  /** Handles a message for the node of a request; others are ignored. */
  onMessage(message: NodeMessage): void {
    switch (message.type) {
      case 'sent':
        return this.#sends.get(message.id)?.(message.isKnown ? 'taken' : 'unknown');
      case 'unknown':
        return this.#responses.get(message.id)?.unknown();
      case 'lines':
        return this.#responses.get(message.id)?.lines(message.number, message.lines, message.isLast);
      case 'gone':
        return this.#responses.get(message.id)?.breakOff();
      case 'beat':
        return this.#onBeat(message);
      case 'send':
      case 'attach':
      case 'flushed':
        return undefined;
    }
  }

  /** Counts time; a response that its holder does not name any more breaks off. */
  tick(passedMs: number): void {
    for (const response of this.#responses.values()) {
      response.silentMs += passedMs;
      if (response.silentMs >= LOST_AFTER_MS) response.breakOff();
    }
  }

  /** Names the responses to their holders. */
  beat(): void {
    const { nodes, send } = this.#deps;
    for (const [node, beat] of inBeats(nodes.name, [...this.#responses.values()])) send(node, beat);
  }

  async #sendNow(node: string, session: string, messages: readonly string[] | null): Promise<SendOutcome> {
    const id = randomUUID();
    const message = { type: 'send', from: this.#deps.nodes.name, id, session, messages } as const;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      this.#deps.send(node, message);
      const outcome = await this.#answerTo(id);
      if (outcome !== 'lost') return outcome;
    }
    return 'lost';
  }

  #answerTo(id: string): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const end = (outcome: SendOutcome): void => {
        clearTimeout(timer);
        this.#sends.delete(id);
        resolve(outcome);
      };
      const timer = setTimeout(() => end('lost'), RETRY_MS);
      this.#sends.set(id, end);
    });
  }

  #onBeat({ from, requests }: Of<'beat'>): void {
    for (const [id, number] of requests) {
      const response = this.#responses.get(id);
      if (response?.node === from) response.named(number);
    }
  }
}
