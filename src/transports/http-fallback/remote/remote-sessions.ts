import type { SessionNodes } from '../../../core/ports/nodes/session-nodes.ts';
import type { ResponseReceiver } from '../response-receiver.ts';
import type { Sessions } from '../sessions.ts';
import { BEAT_MS } from './beats.ts';
import { ForwardedResponse } from './forwarded-response.ts';
import { Forwarder, type SendOutcome } from './forwarder.ts';
import { Holder } from './holder.ts';
import { decodeMessage, type NodeMessage } from './message.ts';

/** Both ends of what passes between nodes: requests of this node for the sessions of others, and the reverse (SPEC 10.9). */
export class RemoteSessions {
  readonly #nodes: SessionNodes;
  readonly #forwarder: Forwarder;
  readonly #holder: Holder;
  #sinceBeatMs = 0;

  constructor({ nodes, sessions }: { readonly nodes: SessionNodes; readonly sessions: Sessions }) {
    this.#nodes = nodes;
    const send = (node: string, message: NodeMessage): void => nodes.send(node, JSON.stringify(message));
    this.#forwarder = new Forwarder({ nodes, send });
    this.#holder = new Holder({ nodes, sessions, send });
    nodes.onMessage((text) => this.#onMessage(text));
  }

  /** Goes on with a session of another node. `onUnknown`: called when it is none: the response is free again. */
  attach(holder: string, session: string, receiver: ResponseReceiver, onUnknown: () => void): void {
    const response: ForwardedResponse = new ForwardedResponse(receiver, {
      node: holder,
      send: (message) => this.#nodes.send(holder, JSON.stringify(message)),
      onUnknown: () => {
        this.#forwarder.forget(response);
        onUnknown();
      },
    });
    receiver.onEnd = (how) => {
      this.#forwarder.forget(response);
      response.ended(how);
    };
    this.#forwarder.attach(response, session, receiver.kind);
  }

  /** Sends the messages of one body to the node that holds the session; `undefined`: the body was too large. */
  send(holder: string, session: string, messages: readonly Buffer[] | undefined): Promise<SendOutcome> {
    return this.#forwarder.send(holder, session, messages?.map(String) ?? null);
  }

  /** Counts time: names what is shared to the other nodes, and ends what they do not name. */
  tick(passedMs: number): void {
    this.#forwarder.tick(passedMs);
    this.#holder.tick(passedMs);
    this.#sinceBeatMs += passedMs;
    if (this.#sinceBeatMs < BEAT_MS) return;
    this.#sinceBeatMs = 0;
    this.#forwarder.beat();
    this.#holder.beat();
  }

  #onMessage(text: string): void {
    const message = decodeMessage(text);
    if (message === undefined) return;
    this.#forwarder.onMessage(message);
    this.#holder.onMessage(message);
  }
}
