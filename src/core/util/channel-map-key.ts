import type { ChannelRef } from '../ports/events.ts';

/** One text for a channel of an app. No two pairs share one: names of channels have no line breaks. */
export const channelMapKey = ({ app, channel }: ChannelRef): string => `${app}\n${channel}`;
