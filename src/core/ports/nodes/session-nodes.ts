/**
 * The node that holds each session of the HTTP fallback, and messages between nodes (SPEC 10.9): a request may reach any
 * node. A single node holds all of its sessions.
 */
export interface SessionNodes {
  /** Name of this node, by which others send to it. */
  readonly name: string;
  /** Called once. `receive` gets messages in the order in which each node sent them; some may be lost. Nothing in them is trusted. */
  onMessage(receive: (message: string) => void): void;
  /** Sends to a node; a message that cannot be sent is lost. Never throws. */
  send(node: string, message: string): void;
  /** Name of the node that holds the session: this one, when no other does. It holds it until `release`, or until it is lost. Rejects with `Unavailable`. */
  claim(session: string): Promise<string>;
  /** Name of the node that holds the session, if one does. Rejects with `Unavailable`. */
  holderOf(session: string): Promise<string | undefined>;
  /** Gives up a session that this node holds. */
  release(session: string): void;
}
