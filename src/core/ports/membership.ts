import type { Member } from '#protocol';
import type { ChannelRef } from './channel-ref.ts';

export interface Occupancy {
  readonly subscriptions: number;
  readonly users: number;
  /** Nodes that have these subscriptions, where there may be several. */
  readonly nodes?: number;
}

export interface Joining {
  /** Sockets of this node on the channel, the joining one included. */
  readonly subscriptions: number;
  /** Given when this is the node's first socket of that user on the channel. */
  readonly member?: Member | undefined;
  /** The joining socket, which must not receive its own `member_added`. */
  readonly socketId: string;
}

export interface Leaving {
  /** Sockets that this node still has on the channel. */
  readonly subscriptions: number;
  /** Given when the node's last socket of that user left the channel. */
  readonly member?: Member | undefined;
}

/**
 * Subscriptions and members of the whole cluster. A node reports edges, not sockets: its first and last socket on a
 * channel, the first and last socket of a user on a presence channel.
 * The step that decides that a user joined or left also publishes the change; each node sends `member_added` or
 * `member_removed` to its own sockets.
 */
export interface Membership {
  join(ref: ChannelRef, joining: Joining): Promise<void>;
  /** Leaving twice is not an error. */
  leave(ref: ChannelRef, leaving: Leaving): Promise<void>;
  /** This node's number of sockets on a channel that it already holds changed. */
  count(ref: ChannelRef, subscriptions: number): void;
  /** In the order in which they joined. */
  members(ref: ChannelRef): Promise<readonly Member[]>;
  occupancy(ref: ChannelRef): Promise<Occupancy>;
  /** Every occupied channel of the app whose name begins with `prefix`. */
  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>>;
}
