import { isReservedChannel, isSameHistory, kindOf, type Member, type Position } from '#protocol';
import type { AppShare } from './fan-out/app-share.ts';
import type { Batch } from './fan-out/batch.ts';
import type { Subscription } from '../client/connection.ts';
import type { ChannelEvent, ChannelRef } from '../ports/events.ts';
import type { DeliverySample } from '../traffic/delivery-latency.ts';
import type { AppTraffic } from '../traffic/app-traffic.ts';
import { isAfter, isOfOlderGeneration, type SentPosition } from '../resume/positions.ts';
import { Mutex } from '../util/mutex.ts';

/** A fan-out between two of its slices: `next` is the first place of `live` that it has not reached. */
export interface Progress {
  readonly batch: Batch;
  /** Bytes of the events. */
  readonly bytes: number;
  /** When the request of a measured event of the batch was received. */
  readonly sinceMs: number | undefined;
  next: number;
  /** Subscribers that `drop` moved from a place not reached yet to one already passed. */
  missedBySwap: Subscription[];
}

/** A subscriber that has the events up to a position which this node has not received yet. */
export interface AheadOfNode {
  readonly subscription: Subscription;
  readonly sent: SentPosition;
}

/** One channel on this node: its subscribers here, and the events on their way to them. */
export class LocalChannel {
  readonly ref: ChannelRef;
  /** Subscribers that get events: dense, in no order, so that leaving costs one swap (`drop`). */
  readonly live: Subscription[] = [];
  /** Subscribers that wait for their `subscription_succeeded`. */
  readonly waiting: Subscription[] = [];
  /** Those of `waiting` that wait until this node has received what they were sent. */
  ahead: AheadOfNode[] | undefined;
  /** Closed sockets that the membership of all nodes still contains (SPEC 2.13). */
  departing = 0;
  /** Sockets per user, on presence channels; departing ones count. */
  users: Map<string, number> | undefined;
  /** Number of the newest event that this node received for the channel. It differs between nodes and is never sent (see offset). */
  localSequence = 0;
  /** Position of the newest event that this node received or that was published before it subscribed; `undefined`: not known. */
  newest: Position | undefined;
  /** Position up to which every subscriber has what it gets: where the last finished fan-out ended. */
  reached: Position | undefined;
  /** Events that no fan-out has taken yet: the last `pending.length` numbers. */
  pending: ChannelEvent[] = [];
  pendingBytes = 0;
  /** Event whose delivery is to be measured, until the broker brings it. */
  sample: DeliverySample | undefined;
  /** When the request of a measured event among `pending` was received. */
  pendingSinceMs: number | undefined;
  /** Shared by the callers that wait for the backlog to end. */
  caughtUp: Promise<void> | undefined;
  /** Shared by the callers that wait for the broker. */
  beginning: Promise<void> | undefined;
  /** True while the broker is asked for the position of the node until it is known. */
  isLearning = false;
  progress: Progress | undefined;
  /** When the first of the present subscribers came, and the newest one; Unix times in milliseconds, 0: none did. */
  occupiedAtMs = 0;
  joinedAtMs = 0;
  /** Calls that hold the mutex or wait for it; the channel is kept while there are any. */
  callsInside = 0;
  /** Subscribing and leaving run one at a time. */
  readonly mutex = new Mutex();
  readonly share: AppShare<LocalChannel>;
  readonly #kind: string;

  /** `share`: of its app. */
  constructor(ref: ChannelRef, share: AppShare<LocalChannel>) {
    this.ref = ref;
    this.share = share;
    this.#kind = isReservedChannel(ref.channel) ? 'server_to_user' : kindOf(ref.channel).name;
  }

  get traffic(): AppTraffic {
    return this.share.traffic;
  }

  get subscribers(): number {
    return this.live.length + this.waiting.length;
  }

  /** Sockets of this node that the membership of all nodes contains. */
  get occupants(): number {
    return this.subscribers + this.departing;
  }

  /** Adds a subscriber; its events are kept until `release`. */
  hold(subscription: Subscription): void {
    subscription.held = [];
    this.waiting.push(subscription);
    this.joinedAtMs = Date.now();
    if (this.subscribers === 1) this.occupiedAtMs = this.joinedAtMs;
    this.#count(1, this.subscribers === 1);
  }

  /** Notes the position of the node, which may be known of events that reached no subscriber here. */
  learnNewest(newest: Position | undefined): void {
    if (this.newest === undefined || newest === undefined) this.newest ??= newest;
    else if (isOfOlderGeneration(this.newest, newest)) this.newest = newest;
  }

  /** True when the position of the node is known, and is not of an older generation than this one. */
  isOfTimeOf(position: Position | undefined): boolean {
    if (this.newest === undefined) return false;
    return position === undefined || !isOfOlderGeneration(this.newest, position);
  }

  /** True while events may arrive that the subscriber was sent already. Those of a new history come after all of the former. */
  isBehind({ subscription: { held = [] }, sent }: AheadOfNode): boolean {
    if (this.newest === undefined) return true;
    if (isSameHistory(this.newest, sent)) return this.newest.offset < sent.offset;
    if (sent.isClaimed === true) return false;
    if (this.newest.epoch === sent.epoch) return isOfOlderGeneration(this.newest, sent);
    return held.every(({ position }) => position === undefined || position.epoch === sent.epoch);
  }

  /** True when a subscriber waits because the position of the node is not known, or is of a time before the store was restarted. */
  get mustLearnNewest(): boolean {
    const present = (this.ahead ?? []).filter(({ subscription: { held } }) => held !== undefined);
    return present.some(({ sent }) => !this.isOfTimeOf(sent.isClaimed === true ? undefined : sent));
  }

  /** Drops the held events that the subscriber was sent. True if it has to wait, because more of them may arrive. */
  waitsForNode(each: AheadOfNode): boolean {
    const { subscription, sent } = each;
    subscription.held = subscription.held?.filter((event) => isAfter(event, sent));
    return this.isBehind(each);
  }

  /** Takes those out of `ahead` whose events follow from now on, without the held events that they were sent. */
  takeReached(): readonly Subscription[] {
    const behind: AheadOfNode[] = [];
    const reached: Subscription[] = [];
    for (const each of this.ahead ?? []) {
      if (each.subscription.held === undefined) continue;
      if (this.waitsForNode(each)) behind.push(each);
      else reached.push(each.subscription);
    }
    this.ahead = behind.length === 0 ? undefined : behind;
    return reached;
  }

  release(subscription: Subscription): void {
    this.#forget(subscription);
    subscription.upTo = this.localSequence;
    subscription.index = this.live.push(subscription) - 1;
  }

  /**
   * Fills the gap with the last subscriber. During a fan-out this can move one that was not reached behind the loop:
   *   live [a b | c d], next = 2   a and b have the batch; a leaves, d fills its place
   *   live [d b | c]               the loop goes on with c: d is noted in `missedBySwap`
   */
  drop(subscription: Subscription): void {
    this.#forget(subscription);
    this.#remove(subscription);
    this.#count(-1, this.subscribers === 0);
  }

  #remove(subscription: Subscription): void {
    const { index } = subscription;
    if (index === -1) return;
    subscription.index = -1;
    const last = this.live.pop();
    if (last === undefined || last === subscription) return;
    this.live[index] = last;
    last.index = index;
    const next = this.progress?.next ?? 0;
    if (index < next && this.live.length >= next) this.progress?.missedBySwap.push(last);
  }

  /** Position up to which everything was written to a subscriber; `undefined`: it waits, or it is not known. */
  writtenPosition({ index, upTo }: Subscription): Position | undefined {
    if (index === -1) return undefined;
    if (upTo >= this.localSequence) return this.newest;
    const batch = this.progress?.batch;
    return (batch !== undefined && upTo >= batch.last ? batch.position : undefined) ?? this.reached;
  }

  /** Position after which the events come that are held for a subscriber; `undefined`: it is not known. */
  startPosition({ held = [] }: Subscription): Position | undefined {
    const first = held.find(({ position }) => position !== undefined)?.position;
    return first === undefined ? this.newest : { ...first, offset: first.offset - 1 };
  }

  /** True when this is the first socket of that user here. */
  userJoined(member: Member): boolean {
    this.users ??= new Map();
    const sockets = (this.users.get(member.id) ?? 0) + 1;
    this.users.set(member.id, sockets);
    return sockets === 1;
  }

  /** True when this was the last socket of that user here. */
  userLeft(member: Member): boolean {
    const sockets = (this.users?.get(member.id) ?? 0) - 1;
    if (sockets > 0) this.users?.set(member.id, sockets);
    else this.users?.delete(member.id);
    return sockets <= 0;
  }

  /** `isEdge`: the channel became occupied or empty here. */
  #count(change: 1 | -1, isEdge: boolean): void {
    this.traffic.subscriptions.add(this.#kind, change);
    if (isEdge) this.traffic.channels.add(this.#kind, change);
  }

  #forget(subscription: Subscription): void {
    subscription.held = undefined;
    const at = this.waiting.indexOf(subscription);
    if (at !== -1) this.waiting.splice(at, 1);
  }
}
