import type { WebhookType } from '#protocol';
import { onTestFinished } from 'vitest';
import type { App, WebhookEndpoint } from '../../src/core/app.ts';
import type { WebhookRecord } from '../../src/core/ports/webhooks.ts';
import type { Resolver } from '../../src/webhooks/http/checked-connector.ts';
import { DEFAULT_WEBHOOK_SETTINGS, openWebhooks, type WebhookSettings } from '../../src/webhooks/index.ts';
import { CHANNEL_EVENTS } from '../support/webhooks.ts';
import { TestOutbox } from './memory-outbox.ts';
import { type Answer, startReceiver } from './receiver.ts';

export const CREDENTIAL = { key: 'app-key', secret: 'app-secret' };

export const endpointOf = (
  name: string,
  url: string,
  more: Partial<WebhookEndpoint> = {},
): WebhookEndpoint => ({
  name,
  url: new URL(url),
  eventTypes: CHANNEL_EVENTS,
  channelPrefix: '',
  channelSuffix: '',
  headers: {},
  ...more,
});

export const appOf = (webhooks: readonly WebhookEndpoint[]): App =>
  ({ id: 'app-id', credentials: [CREDENTIAL], webhooks }) as unknown as App;

export const record = (
  channel: string,
  type: WebhookType = 'channel_occupied',
  fields: WebhookRecord['fields'] = {},
): WebhookRecord => ({ type, ref: { app: 'app-id', channel }, fields });

const QUICK = {
  allowedNetworks: ['127.0.0.0/8'],
  firstRetryMs: 10,
  mostRetryMs: 50,
  closeWithinMs: 200,
  pollMs: 50,
};

/** Starts the delivery to some endpoints; all is closed after the test. */
export function deliver(
  endpoints: readonly WebhookEndpoint[],
  settings: Partial<WebhookSettings> = {},
  resolver?: Resolver,
  {
    apps = [appOf(endpoints)],
    outbox = new TestOutbox(endpoints.map(({ name }) => name)),
  }: { readonly apps?: readonly App[]; readonly outbox?: TestOutbox } = {},
) {
  const lines: string[] = [];
  const webhooks = openWebhooks({
    apps,
    outbox,
    logger: { warn: (message, details) => lines.push(`${message} ${JSON.stringify(details ?? {})}`) },
    clock: Date.now,
    settings: { ...DEFAULT_WEBHOOK_SETTINGS, ...QUICK, ...settings },
    userAgent: 'Wavehall/test',
    ...(resolver === undefined ? {} : { resolver }),
  });
  onTestFinished(() => webhooks.close());
  return { outbox, lines, webhooks };
}

export async function receiverWith(answer?: Answer) {
  const receiver = await startReceiver(answer);
  onTestFinished(() => receiver.close());
  return receiver;
}
