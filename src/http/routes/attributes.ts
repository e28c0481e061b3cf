import { kindOf, parseJsonObject } from '#protocol';
import type { App } from '../../core/app.ts';
import type { ChannelRef, CachedEvents, CachedEvent } from '../../core/ports/events.ts';
import type { Membership, Occupancy } from '../../core/ports/membership.ts';
import { ifUnavailable } from '../../core/ports/failures.ts';
import { HttpError } from '../errors.ts';

/** Attributes of a channel, as the API returns them. */
export interface Attributes {
  occupied?: boolean;
  user_count?: number;
  subscription_count?: number;
  cache?: { data: string; ttl: number } | null;
}

interface AttributeStores {
  readonly membership: Membership;
  readonly cachedEvents: CachedEvents;
}

type InfoNames = ReadonlySet<string>;

/** Counts that were asked for and apply to this kind of channel (SPEC 8.4, 8.6, 8.7). */
export function counts(channel: string, info: InfoNames, occupancy: Occupancy): Attributes {
  const { members } = kindOf(channel);
  const attributes: Attributes = {};
  if (info.has('user_count') && members) attributes.user_count = occupancy.users;
  if (info.has('subscription_count') && !members) attributes.subscription_count = occupancy.subscriptions;
  return attributes;
}

/** Counts, and the cached event of a cache channel. Rejects with `Unavailable`. */
export async function attributes(
  { cachedEvents }: Pick<AttributeStores, 'cachedEvents'>,
  ref: ChannelRef,
  info: InfoNames,
  occupancy: Occupancy,
): Promise<Attributes> {
  const found = counts(ref.channel, info, occupancy);
  if (info.has('cache') && kindOf(ref.channel).cached)
    found.cache = cacheAttribute(await cachedEvents.last(ref));
  return found;
}

/** Attributes for the answer to a publish. Empty when the stores are unavailable: the event is already delivered (SPEC 8.4). */
export function attributesIfKnown(
  stores: AttributeStores,
  app: App,
  channel: string,
  info: InfoNames,
): Promise<Attributes> {
  const ref = { app: app.id, channel };
  const found = stores.membership
    .occupancy(ref)
    .then((occupancy) => attributes(stores, ref, info, occupancy));
  return ifUnavailable<Attributes, Attributes>(found, () => ({}));
}

function cacheAttribute(remembered: CachedEvent | undefined): NonNullable<Attributes['cache']> | null {
  if (remembered === undefined) return null;
  const data = dataIn(remembered.payload);
  return data === undefined ? null : { data, ttl: remembered.ttlSeconds };
}

/** `data` of a stored event; `undefined` for anything else that another program may have written to a shared store. */
function dataIn(payload: string): string | undefined {
  const data = parseJsonObject(payload)?.data;
  return typeof data === 'string' ? data : undefined;
}

/** Throws a 400 for attributes that do not apply to the channel, if the app has `strictInfo` (SPEC 8.4). */
export function checkInfo(app: App, channel: string, info: InfoNames): void {
  if (!app.strictInfo) return;
  const kind = kindOf(channel);
  const applies: Readonly<Record<string, boolean>> = {
    user_count: kind.members,
    subscription_count: !kind.members,
    cache: kind.cached,
  };
  const inapplicable = [...info].find((name) => applies[name] === false);
  if (inapplicable !== undefined) throw new HttpError(400, `${inapplicable} does not apply to this channel.`);
}

/** The same for a list of channels. As in Pusher, the prefix of the request decides, not the channels that are found (SPEC 8.6). */
export function checkListInfo(app: App, prefix: string, info: InfoNames): void {
  if (!app.strictInfo) return;
  const { members } = kindOf(prefix);
  if (info.has('user_count') && !members)
    throw new HttpError(
      400,
      'user_count applies to presence channels: filter_by_prefix must begin with presence-.',
    );
  if (info.has('subscription_count') && members)
    throw new HttpError(400, 'subscription_count does not apply to presence channels.');
  if (info.has('cache')) throw new HttpError(400, 'cache does not apply to a list of channels.');
}
