import { boolean, list, optionalText, setting, text } from '../../settings/settings.ts';

/** The one endpoint of the environment. Its names are those of Hypervel's Reverb, the only ones that exist for it. */
export const ENDPOINT_SETTINGS = {
  url: setting(
    'REVERB_WEBHOOK_URL',
    optionalText,
    '',
    'URL that webhooks are posted to, or redis://HOST/queue:NAME for a queue of Laravel; empty: none are sent.',
  ),
  eventTypes: setting(
    'REVERB_WEBHOOK_EVENTS',
    list,
    '',
    'Events that are sent, separated by commas; empty: all that have a channel, but subscription_count.',
  ),
  channelPrefix: setting(
    'REVERB_WEBHOOK_CHANNEL_PREFIX',
    text,
    '',
    'Beginning of the names of the channels whose events are sent; empty: any.',
  ),
  channelSuffix: setting(
    'REVERB_WEBHOOK_CHANNEL_SUFFIX',
    text,
    '',
    'End of the names of these channels; empty: any.',
  ),
  subscriptionCount: setting(
    'REVERB_WEBHOOK_SUBSCRIPTION_COUNT',
    boolean,
    false,
    'Send subscription_count too, whatever events are chosen.',
  ),
} as const;
