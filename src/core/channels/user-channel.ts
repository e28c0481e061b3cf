import type { ChannelRef } from '../ports/channel-ref.ts';

/** A signed-in user is a member of a channel that no client can subscribe to; the sockets that watch the user subscribe to it. */
const USER_CHANNEL_PREFIX = '#user-';

export const userChannel = (app: string, user: string): ChannelRef => ({
  app,
  channel: USER_CHANNEL_PREFIX + user,
});

/** The id of the user whose internal channel it is; `undefined` for any other channel. */
export const userOfUserChannel = (channel: string): string | undefined =>
  channel.startsWith(USER_CHANNEL_PREFIX) ? channel.slice(USER_CHANNEL_PREFIX.length) : undefined;
