import type { ChannelRef } from '../ports/channel-ref.ts';

/** Key of a channel in the maps of this process. It is unique, because channel names have no line breaks. */
export const channelMapKey = ({ app, channel }: ChannelRef): string => `${app}\n${channel}`;
