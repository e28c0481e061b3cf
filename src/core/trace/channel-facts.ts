import type { LocalChannel } from '../channels/local-channel.ts';
import type { ChannelRef } from '../ports/channel-ref.ts';
import type { ChannelFacts, OccupiedName } from './facts.ts';
import { nearness } from './near-names.ts';

/** Channels of an app that are looked at for near names, and those that are told. */
const MOST_COMPARED = 20_000;
const MOST_NEAR = 5;
const MOST_OTHER_APPS = 5;

/** Channels and clients of this process. */
export interface LocalChannels {
  known(ref: ChannelRef): LocalChannel | undefined;
  channelsOf(app: string): Iterable<LocalChannel>;
  apps(): Iterable<string>;
}

/** State of a channel on this process now. */
export function channelFacts(channels: LocalChannels, ref: ChannelRef): ChannelFacts {
  const channel = channels.known(ref);
  const subscribers = channel?.subscribers ?? 0;
  return {
    channel: ref.channel,
    subscribers,
    ...(channel !== undefined &&
      subscribers > 0 && { occupiedAtMs: channel.occupiedAtMs, joinedAtMs: channel.joinedAtMs }),
    slow: slowOf(channel),
    waiting: (channel?.pending.length ?? 0) + (channel?.progress?.batch.size ?? 0),
    near: nearTo(channels, ref),
    otherApps: otherAppsOf(channels, ref),
  };
}

const slowOf = (channel: LocalChannel | undefined): number =>
  channel?.live.filter(({ connection }) => connection.isSlowReader).length ?? 0;

function nearTo(channels: LocalChannels, { app, channel: wanted }: ChannelRef): readonly OccupiedName[] {
  const near: OccupiedName[] = [];
  let compared = 0;
  for (const { ref, subscribers } of channels.channelsOf(app)) {
    if ((compared += 1) > MOST_COMPARED) break;
    if (subscribers > 0 && nearness(wanted, ref.channel) !== undefined)
      near.push({ channel: ref.channel, subscribers });
  }
  return near.sort((one, other) => other.subscribers - one.subscribers).slice(0, MOST_NEAR);
}

function otherAppsOf(channels: LocalChannels, { app, channel }: ChannelRef): ChannelFacts['otherApps'] {
  const found: { app: string; subscribers: number }[] = [];
  for (const other of channels.apps()) {
    if (other === app || found.length === MOST_OTHER_APPS) continue;
    const subscribers = channels.known({ app: other, channel })?.subscribers ?? 0;
    if (subscribers > 0) found.push({ app: other, subscribers });
  }
  return found;
}
