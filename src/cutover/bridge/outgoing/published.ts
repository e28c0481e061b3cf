import { isReservedChannel, SERVER_TO_USER_PREFIX } from '#protocol';
import type { ChannelEvent, ChannelRef } from '../../../core/ports/events.ts';
import { readServerFrame } from '../../client/read-frame.ts';

/** An event that was published on this side. */
export interface Published {
  readonly name: string;
  readonly data: unknown;
  /** `data` as it was written. */
  readonly dataJson: string;
  readonly userId: string | undefined;
}

/** SPEC 11.7: false for changes of members, which each side sends itself, and for reserved channels except those of users. */
export const isForwarded = ({ channel }: ChannelRef, { memberChange }: ChannelEvent): boolean =>
  memberChange === undefined && (!isReservedChannel(channel) || channel.startsWith(SERVER_TO_USER_PREFIX));

/** `undefined` when the payload is not an event, or is nested too deep. */
export function readPublished({ payload }: ChannelEvent): Published | undefined {
  const frame = readServerFrame(payload);
  if (frame?.dataJson === undefined) return undefined;
  const { event: name, data = null, dataJson, userId } = frame;
  return { name, data, dataJson, userId };
}
