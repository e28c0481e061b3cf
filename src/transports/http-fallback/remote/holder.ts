import type { SessionNodes } from '../../../core/ports/nodes/session-nodes.ts';
import type { FallbackSession } from '../session.ts';
import type { Sessions } from '../sessions.ts';
import { MALFORMED } from '../sent-frames.ts';
import { inBeats, LOST_AFTER_MS } from './beats.ts';
import type { NodeMessage } from './message.ts';
import { RemoteReceiver } from './remote-receiver.ts';

/** Sends that are remembered, so that one that is repeated has no second effect. */
const REMEMBERED_SENDS = 10_000;

type Of<Type extends NodeMessage['type']> = Extract<NodeMessage, { readonly type: Type }>;

interface HolderDeps {
  readonly nodes: SessionNodes;
  readonly sessions: Sessions;
  readonly send: (node: string, message: NodeMessage) => void;
}

/** Serves requests for sessions of this node that reached other nodes (SPEC 10.9). */
export class Holder {
  readonly #deps: HolderDeps;
  readonly #receivers = new Map<string, RemoteReceiver>();
  /** Ids of sends, with whether their session was known. */
  readonly #sends = new Map<string, boolean>();

  constructor(deps: HolderDeps) {
    this.#deps = deps;
  }

  /** Handles a message for the node that holds a session; others are ignored. */
  onMessage(message: NodeMessage): void {
    switch (message.type) {
      case 'send':
        return this.#onSend(message);
      case 'attach':
        return this.#onAttach(message);
      case 'flushed':
        return this.#receivers.get(message.id)?.flushed(message.bytes);
      case 'gone':
        return this.#receivers.get(message.id)?.ended(message.bytes, message.isWhole);
      case 'beat':
        return this.#onBeat(message);
      case 'sent':
      case 'unknown':
      case 'lines':
        return undefined;
    }
  }

  /** Counts time; a receiver whose node does not name it any more is lost. */
  tick(passedMs: number): void {
    for (const receiver of this.#receivers.values()) {
      receiver.silentMs += passedMs;
      if (receiver.silentMs >= LOST_AFTER_MS) receiver.gone('lossy');
    }
  }

  /** Names the receivers to their nodes. */
  beat(): void {
    const requests = [...this.#receivers.values()].map(({ node, id, nextNumber }) => ({
      node,
      id,
      nextNumber,
    }));
    for (const [node, beat] of inBeats(this.#deps.nodes.name, requests)) this.#deps.send(node, beat);
  }

  #onSend({ from, id, session: name, messages }: Of<'send'>): void {
    const known = this.#sends.get(id);
    const session = this.#deps.sessions.living(name);
    const isKnown = known ?? session !== undefined;
    this.#deps.send(from, { type: 'sent', id, isKnown });
    if (known !== undefined) return;
    this.#remember(id, isKnown);
    if (messages === null) session?.refuseSize();
    else session?.receive(messages.map((each) => (each === '' ? MALFORMED : Buffer.from(each))));
  }

  #remember(id: string, isKnown: boolean): void {
    this.#sends.set(id, isKnown);
    const [oldest] = this.#sends.keys();
    if (this.#sends.size > REMEMBERED_SENDS && oldest !== undefined) this.#sends.delete(oldest);
  }

  #onAttach({ from, id, session: name, kind }: Of<'attach'>): void {
    const { sessions, nodes, send } = this.#deps;
    const session = sessions.living(name);
    const lastLines = sessions.lastLinesOf(name);
    if (this.#receivers.has(id)) return;
    if (session === undefined && lastLines === undefined) {
      nodes.release(name);
      return send(from, { type: 'unknown', id });
    }
    const receiver = this.#open(id, from, kind, session);
    if (session !== undefined) return session.attach(receiver);
    for (const lines of lastLines ?? []) receiver.write(lines);
    receiver.end();
  }

  #open(
    id: string,
    node: string,
    kind: RemoteReceiver['kind'],
    session: FallbackSession | undefined,
  ): RemoteReceiver {
    const receiver: RemoteReceiver = new RemoteReceiver({
      ...{ id, kind, node },
      send: (message) => this.#deps.send(node, message),
      onEnd: (how) => {
        this.#receivers.delete(id);
        session?.receiverEnded(receiver, how);
      },
    });
    this.#receivers.set(id, receiver);
    return receiver;
  }

  #onBeat({ from, requests }: Of<'beat'>): void {
    for (const [id] of requests) {
      const receiver = this.#receivers.get(id);
      if (receiver?.node === from) receiver.silentMs = 0;
    }
  }
}
