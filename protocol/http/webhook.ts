import { type Credential, hmacHex } from '../signature.ts';

/** 9.2 — an event for the app's own server. `user_id` is always a string. */
export type WebhookEvent =
  | { readonly name: 'channel_occupied' | 'channel_vacated' | 'cache_miss'; readonly channel: string }
  | { readonly name: 'member_added' | 'member_removed'; readonly channel: string; readonly user_id: string }
  | { readonly name: 'subscription_count'; readonly channel: string; readonly subscription_count: number }
  | {
      readonly name: 'client_event';
      readonly channel: string;
      readonly event: string;
      readonly data: string;
      readonly socket_id: string;
      readonly user_id?: string;
    };

/** 9.3 — names of the events of connections and users. */
export const CHANNELLESS_WEBHOOKS = [
  'connection_opened',
  'connection_closed',
  'user_online',
  'user_offline',
] as const;

/** 9.3 — an event without a channel; never in one request with those of 9.2, whose receivers demand one. */
export type ChannellessWebhookEvent = {
  readonly name: (typeof CHANNELLESS_WEBHOOKS)[number];
} & Readonly<Record<string, string | number>>;

/** 9.2, 9.3. */
export type WebhookType = (WebhookEvent | ChannellessWebhookEvent)['name'];

/** True for an event of 9.2, false for one of 9.3. */
export const hasChannel = (type: WebhookType): boolean => !CHANNELLESS_WEBHOOKS.some((each) => each === type);

/** 9.2 — `data` of a `client_event`: a string as it was, anything else as JSON text. */
export const webhookData = (dataJson: string): string =>
  dataJson.startsWith('"') ? (JSON.parse(dataJson) as string) : dataJson;

/** 9.1 — the body, to be signed and sent as it is. Half of a surrogate pair becomes U+FFFD: decoders of PHP and Redis refuse the whole body otherwise. */
export const encodeWebhook = (
  timeMs: number,
  events: readonly (WebhookEvent | ChannellessWebhookEvent)[],
): string => JSON.stringify({ time_ms: timeMs, events }, wellFormed);

const wellFormed = (_: string, value: unknown): unknown =>
  typeof value === 'string' ? value.toWellFormed() : value;

/** 9.1, 7.5 — receivers insist on exactly this content type, without a charset. */
export const webhookHeaders = ({ key, secret }: Credential, body: string): Record<string, string> => ({
  'Content-Type': 'application/json',
  'X-Pusher-Key': key,
  'X-Pusher-Signature': hmacHex(secret, body),
});
