import { type ChannellessWebhookEvent, encodeWebhook, hasChannel, type WebhookEvent } from '#protocol';
import type { WebhookEndpoint } from '../core/app.ts';
import type { OutboxEntry, WebhookRecord } from '../core/ports/webhooks.ts';
import { wantsChannel, wantsType } from '../core/webhooks/wishes.ts';

/** True when an endpoint is told of an event (SPEC 9.5). */
export const wants = (endpoint: WebhookEndpoint, { type, ref }: WebhookRecord): boolean =>
  wantsType(endpoint, type) && (!hasChannel(type) || wantsChannel(endpoint, ref.channel));

type TimedRecord = WebhookRecord & Pick<OutboxEntry, 'timeMs'>;

/** Body of a request with these events, at least one. Its time is that of the first. */
export const bodyOf = (entries: readonly [TimedRecord, ...TimedRecord[]]): string =>
  encodeWebhook(entries[0].timeMs, entries.map(eventOf));

/** Bytes of one event in a body. */
export const bytesOf = (record: WebhookRecord): number => Buffer.byteLength(JSON.stringify(eventOf(record)));

function eventOf({ type, ref, fields }: WebhookRecord): WebhookEvent | ChannellessWebhookEvent {
  const event = hasChannel(type)
    ? { name: type, channel: ref.channel, ...fields }
    : { name: type, ...fields };
  return event as WebhookEvent | ChannellessWebhookEvent;
}
