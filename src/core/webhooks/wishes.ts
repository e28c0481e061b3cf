import { isReservedChannel, kindOf, type WebhookType } from '#protocol';
import type { App, WebhookEndpoint } from '../app.ts';
import type { ChannelRef } from '../ports/channel-ref.ts';
import type { ChannelWishes, WebhookWishes } from '../ports/webhook-wishes.ts';
import { userOfUserChannel } from '../channels/user-channel.ts';

/** True for an event that the endpoint is told of (SPEC 9.5). */
export const wantsType = ({ eventTypes }: WebhookEndpoint, type: WebhookType): boolean =>
  eventTypes.includes(type);

/** True for a channel whose events the endpoint is told of: both filters have to fit (SPEC 9.5). */
export const wantsChannel = ({ channelPrefix, channelSuffix }: WebhookEndpoint, channel: string): boolean =>
  channel.startsWith(channelPrefix) && channel.endsWith(channelSuffix);

/** True if an endpoint of the app is told of such an event of this channel; '' for one without a channel. */
export const isWanted = ({ webhooks }: App, type: WebhookType, channel = ''): boolean =>
  webhooks.some(
    (endpoint) => wantsType(endpoint, type) && (channel === '' || wantsChannel(endpoint, channel)),
  );

type WishSettings = Pick<WebhookWishes, 'smoothingMs' | 'maxWaiting' | 'maxDead' | 'deadTtlMs'>;

/** Makes the wishes of all endpoints of these apps; `undefined` without any. */
export function webhookWishes(apps: readonly App[], settings: WishSettings): WebhookWishes | undefined {
  const wishes = wishesOfAll(apps);
  return wishes.endpoints.length === 0 ? undefined : { ...settings, ...wishes };
}

/** Makes the wishes of apps that may change: they are always those of the apps as they are now. */
export function liveWebhookWishes(
  apps: { readonly all: readonly App[] },
  settings: WishSettings,
): WebhookWishes {
  let madeFor = apps.all;
  let made = wishesOfAll(madeFor);
  const present = (): typeof made => {
    if (madeFor !== apps.all) made = wishesOfAll((madeFor = apps.all));
    return made;
  };
  return {
    ...settings,
    get endpoints() {
      return present().endpoints;
    },
    get apps() {
      return present().apps;
    },
    of: (ref) => present().of(ref),
  };
}

function wishesOfAll(apps: readonly App[]): Pick<WebhookWishes, 'endpoints' | 'apps' | 'of'> {
  const byId = new Map(apps.filter(({ webhooks }) => webhooks.length > 0).map((app) => [app.id, app]));
  return {
    endpoints: apps.flatMap(({ webhooks }) => webhooks.map(({ name }) => name)),
    apps: new Map([...byId].map(([id, app]) => [id, wishesOfAnyChannel(app)])),
    of: (ref) => wishesOf(byId.get(ref.app), ref),
  };
}

const wishesOfAnyChannel = (app: App): ChannelWishes => ({
  occupancy: isAnyWanted(app, ['channel_occupied', 'channel_vacated']),
  members: isAnyWanted(app, ['member_added', 'member_removed', 'user_online', 'user_offline']),
  counts: isAnyWanted(app, ['subscription_count']),
});

const isAnyWanted = (app: App, types: readonly WebhookType[], channel = ''): boolean =>
  types.some((type) => isWanted(app, type, channel));

function wishesOf(app: App | undefined, { channel }: ChannelRef): ChannelWishes | undefined {
  if (app === undefined) return undefined;
  if (userOfUserChannel(channel) !== undefined) {
    const members = isAnyWanted(app, ['user_online', 'user_offline']);
    return members ? { occupancy: false, members, counts: false } : undefined;
  }
  if (isReservedChannel(channel)) return undefined;
  const wishes = {
    occupancy: isAnyWanted(app, ['channel_occupied', 'channel_vacated'], channel),
    members: isAnyWanted(app, ['member_added', 'member_removed'], channel),
    counts: !kindOf(channel).members && isAnyWanted(app, ['subscription_count'], channel),
  };
  return Object.values(wishes).includes(true) ? wishes : undefined;
}
