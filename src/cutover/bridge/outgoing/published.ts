import { isReservedChannel, SERVER_TO_USER_PREFIX } from '#protocol';
import type { ChannelEvent, ChannelRef } from '../../../core/ports/cluster.ts';
import { readServerFrame } from '../frame.ts';

/** What somebody published on this side. */
export interface Published {
  readonly name: string;
  readonly data: unknown;
  /** `data` as it was written. */
  readonly dataJson: string;
  readonly userId: string | undefined;
}

/** SPEC 11.7: news of members are this side's own; so are all reserved channels but those of users. */
export const isForwarded = ({ channel }: ChannelRef, { memberChange: news }: ChannelEvent): boolean =>
  news === undefined && (!isReservedChannel(channel) || channel.startsWith(SERVER_TO_USER_PREFIX));

export function readPublished({ payload }: ChannelEvent): Published | undefined {
  const frame = readServerFrame(payload);
  if (frame?.dataJson === undefined) return undefined;
  const { event: name, data = null, dataJson, userId } = frame;
  return { name, data, dataJson, userId };
}
