import { userOfUserChannel } from '../core/channels/user-channel.ts';
import type { ChannelRef } from '../core/ports/channel-ref.ts';
import type { WebhookRecord } from '../core/ports/webhooks.ts';

export const TRANSITION_KINDS = ['occupied', 'added', 'removed', 'vacated', 'counted'] as const;

/** A change of a channel that webhooks tell; `value` is the user, or the number of subscriptions. */
export type TransitionKind = (typeof TRANSITION_KINDS)[number];

/** Returns the event of a transition, `undefined` for one of an internal channel that no webhook tells (SPEC 9.2). */
export function recordOf(ref: ChannelRef, kind: TransitionKind, value: string): WebhookRecord | undefined {
  if (ref.channel.startsWith('#')) return recordOfUser(ref, kind, value);
  switch (kind) {
    case 'occupied':
      return { type: 'channel_occupied', ref, fields: {} };
    case 'vacated':
      return { type: 'channel_vacated', ref, fields: {} };
    case 'added':
      return { type: 'member_added', ref, fields: { user_id: value } };
    case 'removed':
      return { type: 'member_removed', ref, fields: { user_id: value } };
    case 'counted':
      return { type: 'subscription_count', ref, fields: { subscription_count: Number(value) } };
  }
}

/** A signed-in user is a member of an internal channel (SPEC 9.3). */
function recordOfUser(ref: ChannelRef, kind: TransitionKind, value: string): WebhookRecord | undefined {
  const isMember = kind === 'added' || kind === 'removed';
  if (!isMember || userOfUserChannel(ref.channel) === undefined) return undefined;
  return { type: kind === 'added' ? 'user_online' : 'user_offline', ref, fields: { user_id: value } };
}
