import {
  type ChannelKind,
  type ClientMessage,
  encode,
  exceeds,
  invalidChannel,
  isChannelName,
  isReservedChannel,
  kindOf,
  type Member,
  memberFromUser,
  parseMember,
  type Position,
  ProtocolError,
  subscriptionFailed,
  subscriptionLimit,
  subscriptionUnauthorized,
  subscriptionUnavailable,
  userOfChannel,
  verifyChannelAuth,
} from '#protocol';
import type { SubscriptionCounter } from '../channels/subscription-counter.ts';
import type { Connection, Subscription } from '../client/connection.ts';
import { notYetInRoster, sendCached } from '../channels/subscribe-reply.ts';
import type { Hub } from '../channels/hub.ts';
import type { ChannelRef, CachedEvent, CachedEvents } from '../ports/events.ts';
import type { ResumePoint } from '../ports/tab-store.ts';
import type { SentPosition } from '../resume/positions.ts';
import type { Resume } from '../resume/resume.ts';
import type { Membership } from '../ports/membership.ts';
import { Unavailable, ifUnavailable } from '../ports/failures.ts';
import type { Logger } from '../ports/logger.ts';
import type { NodeEvents } from '../webhooks/node-events.ts';
import { memberByToken } from './token-subscribe.ts';

type Subscribe = Extract<ClientMessage, { kind: 'subscribe' }>;

interface SubscribeDeps {
  readonly hub: Hub;
  readonly membership: Membership;
  readonly cachedEvents: CachedEvents;
  readonly subscriptionCounter: SubscriptionCounter;
  readonly nodeEvents: NodeEvents;
  readonly resume: Pick<Resume, 'pointOf' | 'beginning' | 'replay'>;
  readonly logger: Logger;
}

/** SPEC 3.6: ends in success or in a refusal for this channel, whatever fails. */
export async function handleSubscribe(
  core: SubscribeDeps,
  from: Connection,
  message: Subscribe,
): Promise<void> {
  try {
    await enterOrReplyAgain(core, from, message);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    if (error instanceof Unavailable) throw subscriptionUnavailable(message.channel);
    core.logger.error('Bug in Wavehall: a subscription was refused. Please report this stack', error);
    throw subscriptionFailed(message.channel);
  }
}

/** SPEC 3: changes nothing before every rule is checked; then sends the frames in the order of 3.4. */
async function enterOrReplyAgain(core: SubscribeDeps, from: Connection, message: Subscribe): Promise<void> {
  const kind = kindOf(message.channel);
  const member = authorize(from, kind, message);
  const subscription = from.subscription(message.channel);
  if (subscription === undefined) return enter(core, from, kind, message, member);
  if (member !== undefined && member.id !== subscription.member?.id)
    await core.hub.changeMember(subscription, member, () =>
      checkMemberLimit(core, from, subscription.ref, member),
    );
  await reply(core, from, kind, message.channel);
}

/** Checks the right to the channel and returns the member, if it has members. Throws the refusal (SPEC 3.2, 3.5, 4.1, 6.4, 15.5). */
function authorize(from: Connection, kind: ChannelKind, message: Subscribe): Member | undefined {
  const { channel } = message;
  const { limits, extraChannelCharacters } = from.app;
  if (!isChannelName(channel, limits.channelNameLength, extraChannelCharacters))
    throw invalidChannel(channel);
  if (isReservedChannel(channel)) return authorizeReserved(from, channel);
  if (!kind.signed) return undefined;
  if (from.tokenRight !== undefined && !message.auth)
    return memberByToken(from, from.tokenRight, kind, channel);
  const request = {
    socketId: from.socketId,
    channel,
    auth: message.auth,
    channelData: message.channelData,
    extraCharacters: extraChannelCharacters,
  };
  if (!verifyChannelAuth(from.app.credentials, request, from.app.strictAuthKey)) {
    throw subscriptionUnauthorized(channel);
  }
  from.authorized = true;
  return kind.members ? subscribingMember(from, message) : undefined;
}

function authorizeReserved(from: Connection, channel: string): undefined {
  const user = userOfChannel(channel);
  if (user === undefined) throw invalidChannel(channel);
  if (user !== from.user?.id) throw subscriptionUnauthorized(channel);
}

/** SPEC 6.6: without `channel_data`, a signed-in user joins under their own id. */
function subscribingMember(from: Connection, { channel, channelData }: Subscribe): Member {
  if (!channelData && from.user !== undefined) return memberFromUser(from.user);
  return parseMember(channelData, from.app.limits, channel);
}

async function enter(
  core: SubscribeDeps,
  from: Connection,
  kind: ChannelKind,
  { channel, resume }: Subscribe,
  member: Member | undefined,
): Promise<void> {
  const ref = { app: from.app.id, channel };
  checkSubscriptions(from, channel);
  const check = member && (() => checkMemberLimit(core, from, ref, member));
  const point = await core.resume.pointOf(from, channel, resume);
  const subscription = await core.hub.enter(from, channel, member, check);
  const start = point ?? core.resume.beginning(subscription);
  let sent: SentPosition | undefined;
  try {
    sent = await reply(core, from, kind, channel, { subscription, start, isResumed: point !== undefined });
  } catch (error) {
    await core.hub.leave(subscription);
    throw error;
  }
  core.hub.release(subscription, sent);
  from.tab?.subscribed(subscription, start);
  core.subscriptionCounter.changed(from.app, ref);
}

/** SPEC 3.12. */
function checkSubscriptions(from: Connection, channel: string): void {
  const { subscriptionsPerSocket, subscriptionBytesPerSocket: mostBytes } = from.app.limits;
  if (exceeds(from.subscriptions.length + 1, subscriptionsPerSocket))
    throw subscriptionLimit('subscriptionsPerSocket', channel, 'The socket has too many subscriptions');
  if (exceeds(from.subscriptionBytes + Buffer.byteLength(channel), mostBytes))
    throw subscriptionLimit(
      'subscriptionBytesPerSocket',
      channel,
      `The names of the socket's channels have more than ${mostBytes} bytes`,
    );
}

/** SPEC 4.5. */
async function checkMemberLimit(
  core: SubscribeDeps,
  from: Connection,
  ref: ChannelRef,
  member: Member,
): Promise<void> {
  const { presenceMembers } = from.app.limits;
  if (presenceMembers === 0) return;
  const members = await ifUnavailable(core.membership.members(ref), () => []);
  if (members.length < presenceMembers || members.some(({ id }) => id === member.id)) return;
  throw subscriptionLimit(
    'presenceMembers',
    ref.channel,
    'The maximum amount of members per presence channel limit was reached',
    4100,
  );
}

/** SPEC 3.10, 9.4: the last event of a cache channel, if there is one. A store that does not answer is neither a hit nor a miss. */
async function cachedEvent(
  core: SubscribeDeps,
  { app, traffic }: Connection,
  ref: ChannelRef,
): Promise<CachedEvent | undefined> {
  const cached = await ifUnavailable(core.cachedEvents.last(ref), () => 'unknown' as const);
  if (cached === 'unknown') return undefined;
  if (cached !== undefined) {
    traffic.cacheHits += 1;
    return cached;
  }
  traffic.cacheMisses += 1;
  core.nodeEvents.cacheMiss(app, ref);
  if (core.hub.live.isWatched) core.hub.live.cacheMissed(ref);
  return undefined;
}

/** A new subscription, and where its events begin. */
interface Entry {
  readonly subscription: Subscription;
  readonly start: ResumePoint;
  readonly isResumed: boolean;
}

/**
 * SPEC 3.3, 3.7, 3.10, 13.5: sends `subscription_succeeded`, then what was missed, or the cached event of a cache channel. Resolves with
 * the position up to which the client has the events.
 */
async function reply(
  core: SubscribeDeps,
  from: Connection,
  kind: ChannelKind,
  channel: string,
  entry?: Entry,
): Promise<SentPosition | undefined> {
  const ref = { app: from.app.id, channel };
  const roster = kind.members ? await core.membership.members(ref) : undefined;
  const cached = kind.cached ? { event: await cachedEvent(core, from, ref) } : undefined;
  const subscription = entry?.subscription;
  from.send(succeeded(from, channel, roster, entry?.start.position));
  if (subscription?.held && roster) subscription.held = notYetInRoster(subscription.held, roster);
  if (entry?.isResumed === true) return core.resume.replay(entry.subscription, entry.start, cached);
  if (cached !== undefined) sendCached(from, channel, cached.event, subscription?.held ?? []);
  return undefined;
}

/** SPEC 3.3, 13.7. */
function succeeded(
  { encoder }: Connection,
  channel: string,
  roster: readonly Member[] | undefined,
  position: Position | undefined,
): string {
  const frame = encode.subscriptionSucceeded(channel, roster);
  return encoder.positions === true && position !== undefined ? encode.withPosition(frame, position) : frame;
}
