import type { ChannelRef } from './channel-ref.ts';

/**
 * Webhooks that one channel's transitions cause; data of the configuration, so that a store can pass it to the step that decides. A signed-in
 * user is a member of the internal channel `#user-ID`: its `members` are `user_online` and `user_offline`.
 */
export interface ChannelWishes {
  readonly occupancy: boolean;
  readonly members: boolean;
  readonly counts: boolean;
}

/** Wishes of all endpoints, as far as the stores have to know them. Where apps may change, each read gives those of now. */
export interface WebhookWishes {
  /** `undefined`: no endpoint wants anything of this channel. */
  of(ref: ChannelRef): ChannelWishes | undefined;
  /**
   * By app id, for apps with endpoints: what any of the app's channels causes. For the step that removes what a failed node held,
   * which knows no channels before.
   */
  readonly apps: ReadonlyMap<string, ChannelWishes>;
  /** Names of all endpoints of all apps, the same list until one changes; an endpoint's name is unique over all apps. */
  readonly endpoints: readonly string[];
  /** Time after which a channel counts as vacated, and a member as removed (SPEC 9.4). */
  readonly smoothingMs: number;
  /** Events that may wait, over all endpoints; beyond, the oldest are dropped and counted. */
  readonly maxWaiting: number;
  readonly maxDead: number;
  readonly deadTtlMs: number;
}
