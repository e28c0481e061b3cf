import type { Member, Position } from '#protocol';
import { type Connection, Subscription } from '../client/connection.ts';
import { AppShare } from './fan-out/app-share.ts';
import { AppScopes } from './app-scopes.ts';
import { LocalChannel } from './local-channel.ts';
import { MembershipReport } from './membership-report.ts';
import { isPendingDelivery, type PendingDelivery } from './pending-delivery.ts';
import { caughtUp, hasBacklog } from './fan-out/backlog.ts';
import type { Broker, ChannelEvent, ChannelRef } from '../ports/events.ts';
import type { Membership } from '../ports/membership.ts';
import type { Logger } from '../ports/logger.ts';
import type { DeliverySample } from '../traffic/delivery-latency.ts';
import type { LiveFeed } from '../live/feed.ts';
import type { Traffic } from '../traffic/traffic.ts';
import type { SentPosition } from '../resume/positions.ts';
import { ignore } from '../util/ignore.ts';
import { sleep } from '../util/time.ts';

/** Time between two questions for the position of the node. */
const LEARN_EVERY_MS = 1000;

/** Brings the events of a channel to its sockets. */
interface ChannelFanOut {
  push(channel: LocalChannel, event: ChannelEvent): void;
  release(channel: LocalChannel, subscription: Subscription, sent?: SentPosition): void;
  releaseReached(channel: LocalChannel): void;
}

interface HubDeps {
  readonly broker: Broker;
  readonly membership: Membership;
  readonly fanOut: ChannelFanOut;
  readonly logger: Logger;
  readonly traffic: Traffic;
  /** Of each app's events on this node; 0: no limit. */
  readonly maxWaitingBytes: number;
  /** Notes channels that have no subscriber here any more (SPEC 16.2). */
  readonly trace?: { vacated(ref: ChannelRef): void } | undefined;
}

/** The connections of this node, the channels that each is on, and the events on their way to them. */
export class Hub {
  /** Connections and channels by app; others only look. */
  readonly scopes: AppScopes<LocalChannel>;
  /** Each thing that happens, for those who look now. */
  readonly live: LiveFeed;
  readonly #broker: Broker;
  readonly #membership: Membership;
  readonly #report: MembershipReport;
  readonly #fanOut: ChannelFanOut;
  readonly #logger: Logger;
  readonly #trace: HubDeps['trace'];

  constructor(deps: HubDeps) {
    this.live = deps.traffic.live;
    this.#trace = deps.trace;
    this.#broker = deps.broker;
    this.#membership = deps.membership;
    this.#report = new MembershipReport(deps.membership, this.live);
    this.#fanOut = deps.fanOut;
    this.#logger = deps.logger;
    this.scopes = new AppScopes<LocalChannel>(
      (app) => new AppShare(app, deps.traffic.of(app), deps.maxWaitingBytes),
      (ref, share) => new LocalChannel(ref, share),
    );
  }

  // --- connections -----------------------------------------------------------------------------

  /** False when a connection of that app has this id already. */
  add(connection: Connection): boolean {
    return this.scopes.add(connection);
  }

  remove(connection: Connection): void {
    this.scopes.remove(connection);
  }

  connection(app: string, socketId: string): Connection | undefined {
    return this.scopes.connection(app, socketId);
  }

  /** Lists the connections of one app, or of all. */
  connections(app?: string): Iterable<Connection> {
    return this.scopes.connections(app);
  }

  get size(): number {
    return this.scopes.size;
  }

  // --- subscriptions ---------------------------------------------------------------------------

  /**
   * Adds a connection to a channel. When it resolves, the subscription is in the membership that all nodes share, and its events are held until
   * `release`. No event is lost, because the node subscribes first and joins second:
   *   1. `check`, where given, may reject; the channel's mutex keeps the members as they are from here to the end.
   *   2. For the first socket here, the broker is subscribed: events arrive from now on.
   *   3. The subscription holds them.
   *   4. The cluster is informed; for a new member it sends `member_added` to the others.
   * After a rejection the connection is not on the channel.
   */
  enter(
    connection: Connection,
    name: string,
    member: Member | undefined,
    check?: () => Promise<void>,
  ): Promise<Subscription> {
    const channel = this.scopes.channel({ app: connection.app.id, channel: name });
    return this.#underMutex(channel, async () => {
      if (check !== undefined) await check();
      if (channel.occupants === 0) await this.#begin(channel);
      const subscription = new Subscription(connection, channel.ref, member);
      connection.subscriptions.push(subscription);
      connection.subscriptionBytes += Buffer.byteLength(name);
      channel.hold(subscription);
      const userJoined = member !== undefined && channel.userJoined(member);
      try {
        const joined = this.#report.joined(channel, userJoined ? member : undefined, connection.socketId);
        if (joined !== undefined) await joined;
      } catch (error) {
        await this.#exit(channel, subscription);
        throw error;
      }
      return subscription;
    });
  }

  /**
   * SPEC 3.7: makes the subscriber another member. The others receive both changes; the subscriber misses no event.
   * When `check` or the cluster rejects, it stays the member that it was.
   */
  changeMember(subscription: Subscription, member: Member, check: () => Promise<void>): Promise<void> {
    const channel = this.scopes.channel(subscription.ref);
    return this.#underMutex(channel, async () => {
      await check();
      const { member: before, connection, ref } = subscription;
      const { occupants: subscriptions } = channel;
      if (channel.userJoined(member)) {
        try {
          await this.#membership.join(ref, { subscriptions, member, socketId: connection.socketId });
        } catch (error) {
          channel.userLeft(member);
          throw error;
        }
      }
      subscription.member = member;
      if (before !== undefined && channel.userLeft(before))
        await this.#membership.leave(ref, { subscriptions, member: before });
    });
  }

  /** `sent`: position up to which it has the events, which may be ahead of what this node has received. */
  release(subscription: Subscription, sent?: SentPosition): void {
    if (subscription.held === undefined) return;
    const channel = this.scopes.channel(subscription.ref);
    this.#fanOut.release(channel, subscription, sent);
    if (channel.mustLearnNewest) void this.#learnUntilKnown(channel);
    if (this.live.isWatched) this.live.subscribed(subscription);
  }

  /** The only way out of a channel: unsubscribed, closed, or failed while subscribing. Leaving twice is not an error. */
  leave(subscription: Subscription): Promise<void> {
    const channel = this.scopes.channel(subscription.ref);
    return this.#underMutex(channel, () => this.#exit(channel, subscription));
  }

  /**
   * SPEC 2.13: as `leave`, but in the membership that all nodes share it stays until `depart`. False: it had left, so that there
   * is nothing to depart.
   */
  leaveForNow(subscription: Subscription): Promise<boolean> {
    const channel = this.scopes.channel(subscription.ref);
    return this.#underMutex(channel, () => {
      const isOnIt = this.#drop(channel, subscription);
      if (isOnIt) channel.departing += 1;
      return Promise.resolve(isOnIt);
    });
  }

  /** Once for each `leaveForNow` that was true. */
  depart({ ref, member }: Subscription): Promise<void> {
    const channel = this.scopes.channel(ref);
    return this.#underMutex(channel, () => {
      channel.departing -= 1;
      return this.#reportExit(channel, member);
    });
  }

  // --- events ----------------------------------------------------------------------------------

  /** Passes an event, from this node or another, on to the channel's subscribers here. Never throws. */
  deliver(ref: ChannelRef, event: ChannelEvent): void {
    const channel = this.scopes.known(ref);
    if (channel === undefined) return;
    if (this.#logger.debugging) this.#logger.debug('Broadcasting To', ref.channel, event.payload);
    this.#fanOut.push(channel, event);
  }

  /** Measures the time until this event is written to the channel's sockets here; without any, nothing is measured. */
  measureDelivery(ref: ChannelRef, sample: DeliverySample): void {
    const channel = this.scopes.known(ref);
    if (channel !== undefined) channel.sample = sample;
  }

  /** True when the sockets here of the channel, or of its app, are so far behind that more events would only wait in memory. */
  hasBacklog(ref: ChannelRef): boolean {
    const channel = this.scopes.known(ref);
    return channel !== undefined && hasBacklog(channel);
  }

  /** Resolves when neither the channel nor its app is behind any more; all callers share one promise. `undefined`: it is not behind. */
  caughtUp(ref: ChannelRef): Promise<void> | undefined {
    const channel = this.scopes.known(ref);
    return channel && caughtUp(channel);
  }

  /** The events of this client's channels that are not sent to it yet, as one entry for each channel. */
  pendingDeliveries({ subscriptions }: Connection): readonly PendingDelivery[] {
    return subscriptions
      .map((subscription) => ({ subscription, upTo: this.scopes.channel(subscription.ref).localSequence }))
      .filter(isPendingDelivery);
  }

  /** Position up to which everything was written to a subscriber; `undefined`: it is not known. */
  writtenPosition(subscription: Subscription): Position | undefined {
    return this.scopes.known(subscription.ref)?.writtenPosition(subscription);
  }

  /** Position after which the events come that are held for a subscriber; `undefined`: it is not known. */
  startPosition(subscription: Subscription): Position | undefined {
    return this.scopes.known(subscription.ref)?.startPosition(subscription);
  }

  /**
   * True once events published from now on arrive here, and those since the store was restarted if `sent` is of that time. Asks
   * the broker if that is not known; all callers share one try.
   */
  async hasBegun(ref: ChannelRef, sent?: Position): Promise<boolean> {
    const channel = this.scopes.known(ref);
    if (channel === undefined || channel.isOfTimeOf(sent)) return true;
    await this.#askForNewest(channel);
    return channel.isOfTimeOf(sent);
  }

  /** True on a presence channel with so many members here. */
  isAmongMembers({ subscriptions }: Connection, members: number): boolean {
    const usersOn = (ref: ChannelRef): number => this.scopes.known(ref)?.users?.size ?? 0;
    return subscriptions.some(({ ref, member }) => member !== undefined && usersOn(ref) >= members);
  }

  // --- internal --------------------------------------------------------------------------------

  async #begin(channel: LocalChannel): Promise<void> {
    channel.newest = undefined;
    channel.reached = undefined;
    await this.#learnNewest(channel);
  }

  async #learnNewest(channel: LocalChannel): Promise<void> {
    channel.learnNewest(await this.#broker.subscribe(channel.ref));
    this.#fanOut.releaseReached(channel);
  }

  /** Asks the broker for the position of the node; all callers share one question. */
  #askForNewest(channel: LocalChannel): Promise<void> {
    channel.beginning ??= this.#underMutex(channel, () => this.#learnNewest(channel)).finally(
      () => (channel.beginning = undefined),
    );
    return channel.beginning;
  }

  /** Asks the broker again while subscribers wait for the position of the node. Never rejects. */
  async #learnUntilKnown(channel: LocalChannel): Promise<void> {
    if (channel.isLearning) return;
    channel.isLearning = true;
    channel.callsInside += 1;
    while (channel.mustLearnNewest) {
      await sleep(LEARN_EVERY_MS);
      await this.#askForNewest(channel).catch(ignore);
    }
    channel.callsInside -= 1;
    channel.isLearning = false;
    this.scopes.forgetUnused(channel);
  }

  async #exit(channel: LocalChannel, subscription: Subscription): Promise<void> {
    if (this.#drop(channel, subscription)) await this.#reportExit(channel, subscription.member);
  }

  /** False when it is not on the channel. */
  #drop(channel: LocalChannel, subscription: Subscription): boolean {
    const { connection } = subscription;
    const at = connection.subscriptions.indexOf(subscription);
    if (at === -1) return false;
    if (this.live.isWatched && subscription.index !== -1) this.live.unsubscribed(subscription);
    connection.subscriptions.splice(at, 1);
    connection.subscriptionBytes -= Buffer.byteLength(subscription.ref.channel);
    channel.drop(subscription);
    if (channel.subscribers === 0) this.#trace?.vacated(channel.ref);
    return true;
  }

  async #reportExit(channel: LocalChannel, member: Member | undefined): Promise<void> {
    const userLeft = member !== undefined && channel.userLeft(member);
    if (channel.occupants === 0) await this.#broker.unsubscribe(channel.ref);
    const left = this.#report.left(channel, userLeft ? member : undefined);
    if (left !== undefined) await left;
  }

  async #underMutex<T>(channel: LocalChannel, task: () => Promise<T>): Promise<T> {
    channel.callsInside += 1;
    try {
      return await channel.mutex.run(task);
    } finally {
      channel.callsInside -= 1;
      this.scopes.forgetUnused(channel);
    }
  }
}
