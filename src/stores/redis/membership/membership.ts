import { encode, type Member } from '#protocol';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';
import type { ChannelEvent, ChannelRef, Deliver } from '../../../core/ports/events.ts';
import type { Joining, Leaving, Membership, Occupancy } from '../../../core/ports/membership.ts';
import type { MemberMessage } from '../events/message-codec.ts';
import { ChannelSync, type ChannelSyncDeps } from './channel-sync.ts';
import { occupancyOf, occupiedChannels } from './occupancy.ts';
import { inBatches } from '../events/in-batches.ts';
import { type RosterChange, RosterCopy } from './roster-copy.ts';
import { readRoster, RosterReplica } from './roster-replica.ts';
import { WatchedChannels } from './watched-channels.ts';

interface HeldChannel {
  readonly sync: ChannelSync;
  /** For presence channels only, and only while clients of this node are on it. */
  roster?: RosterReplica | undefined;
}

/**
 * Keeps in Redis which node has which users on which channel. This node's part can be sent again at any moment; whatever could
 * not be sent or read is tried again with each beat.
 */
export class RedisMembership implements Membership {
  readonly #deps: ChannelSyncDeps;
  readonly #held = new Map<string, HeldChannel>();
  readonly #watched: WatchedChannels;
  #deliver: Deliver = () => undefined;
  #pendingCounts = new Set<HeldChannel>();
  /** Left here, and kept until webhooks have told that. */
  readonly #ending = new Set<HeldChannel>();
  #catchingUp: Promise<void> | undefined;
  #isSettling = false;

  constructor(deps: ChannelSyncDeps) {
    this.#deps = deps;
    this.#watched = new WatchedChannels({
      localMembers: (ref) => this.#held.get(channelMapKey(ref))?.roster?.members(),
      read: (ref) => readRoster(deps, ref),
      emit: (ref, change) => this.#deliverChange(ref, change),
    });
    deps.node.onAttached((settlingMs) => this.#onAttached(settlingMs));
    deps.node.onBeat((settlingMs) => this.#onBeat(settlingMs));
  }

  /** `deliver` receives member_added and member_removed. */
  start(deliver: Deliver): void {
    this.#deliver = deliver;
  }

  async join(ref: ChannelRef, { subscriptions, member, socketId }: Joining): Promise<void> {
    const held = this.#hold(ref, member !== undefined);
    held.sync.setDesired(subscriptions, member && { member, except: socketId });
    const isPushed = await this.#push(held);
    if (member === undefined) return;
    await held.roster?.addLocal(member, socketId, isPushed);
  }

  async leave(ref: ChannelRef, { subscriptions, member }: Leaving): Promise<void> {
    const held = this.#held.get(channelMapKey(ref));
    if (held === undefined) return;
    held.sync.setDesired(subscriptions, undefined, member?.id);
    if (member !== undefined) held.roster?.removeLocal(member.id);
    // No client here receives changes any more: the next one to join begins with a fresh roster.
    if (subscriptions === 0) held.roster = undefined;
    await this.#push(held);
    this.#forget(held);
  }

  /** Sends many changes of the same event-loop tick once. */
  count(ref: ChannelRef, subscriptions: number): void {
    const held = this.#held.get(channelMapKey(ref));
    if (held === undefined) return;
    held.sync.setDesired(subscriptions);
    this.#pendingCounts.add(held);
    if (this.#pendingCounts.size === 1) setImmediate(() => this.#pushCounts());
  }

  async members(ref: ChannelRef): Promise<readonly Member[]> {
    const held = this.#held.get(channelMapKey(ref));
    const members = held?.roster?.members();
    if (members !== undefined) return members;
    if (held !== undefined && !this.#deps.node.isAttached) return [...held.sync.members()];
    const read = new RosterCopy(await readRoster(this.#deps, ref)).members();
    this.#watched.setMembers(ref, read);
    return read;
  }

  /** Delivers changes of the channel's members here, though no client of this node is a member. */
  watch(ref: ChannelRef): void {
    this.#watched.watch(ref);
  }

  unwatch(ref: ChannelRef): void {
    this.#watched.unwatch(ref);
  }

  occupancy(ref: ChannelRef): Promise<Occupancy> {
    return occupancyOf(this.#deps, ref);
  }

  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    return occupiedChannels(this.#deps, app, prefix);
  }

  /** Applies a member change from another node, or this one; delivers it unless the clients here have it already. */
  onMessage(ref: ChannelRef, message: MemberMessage): void {
    const roster = this.#held.get(channelMapKey(ref))?.roster;
    if (roster === undefined) this.#deliverChange(ref, changeOf(message));
    else roster.onMessage(message);
  }

  /**
   * Checks whether Redis still has what this node wrote, and writes again what is missing. Resolves with the number of damaged
   * channels; rejects with `Unavailable` when that cannot be known.
   */
  async repair(): Promise<number> {
    const damaged: HeldChannel[] = [];
    await inBatches([...this.#held.values()], async (held) => {
      if (!(await held.sync.verify())) damaged.push(held);
    });
    await this.#deps.node.startSettling(new Set(damaged.map(({ sync }) => sync.keys.partition)));
    for (const { sync, roster } of damaged) {
      sync.invalidateDamaged();
      roster?.markStale();
    }
    void this.#catchUp();
    return damaged.length;
  }

  /** Reads all rosters again: member changes may have been missed while the subscription was down. */
  reread(): void {
    for (const { roster } of this.#held.values()) roster?.markStale();
    this.#watched.markStale();
    void this.#catchUp();
  }

  // --- private ---------------------------------------------------------------------------------

  #hold(ref: ChannelRef, hasMembers: boolean): HeldChannel {
    let held = this.#held.get(channelMapKey(ref));
    if (held === undefined) {
      held = { sync: new ChannelSync(ref, this.#deps) };
      this.#held.set(channelMapKey(ref), held);
    }
    if (hasMembers) {
      held.roster ??= new RosterReplica(this.#deps, held.sync, (change) => this.#deliverChange(ref, change));
    }
    return held;
  }

  /** Resolves with false when Redis does not have it yet: clients are not refused for that, a later beat sends it. */
  async #push(held: HeldChannel): Promise<boolean> {
    try {
      if (this.#deps.node.isAttached) {
        await held.sync.push();
        return true;
      }
    } catch {
      // The next beat tries again.
    }
    held.roster?.markStale();
    return false;
  }

  #forget(held: HeldChannel): void {
    const key = channelMapKey(held.sync.ref);
    // A client that joined meanwhile may have replaced it.
    if (held.sync.isDone && this.#held.get(key) === held) this.#held.delete(key);
    if (held.sync.isEnding) this.#ending.add(held);
    else this.#ending.delete(held);
  }

  #pushCounts(): void {
    const pending = this.#pendingCounts;
    this.#pendingCounts = new Set();
    for (const held of pending) void this.#push(held);
  }

  #deliverChange(ref: ChannelRef, change: RosterChange): void {
    const { member, joined, except } = change;
    this.#watched.onChange(ref, change);
    const payload = joined
      ? encode.memberAdded(ref.channel, member)
      : encode.memberRemoved(ref.channel, member);
    const event: ChannelEvent = { payload, except, memberChange: { id: member.id, joined } };
    this.#deliver(ref, event);
  }

  #onAttached(settlingMs: number): void {
    this.#isSettling = settlingMs > 0;
    for (const { sync } of this.#held.values()) sync.invalidate();
    this.reread();
  }

  /** While partitions settle, removals are not published: the rosters are read when that is over. */
  #onBeat(settlingMs: number): void {
    this.#isSettling = settlingMs > 0;
    if (this.#isSettling) {
      for (const { roster } of this.#held.values()) roster?.markStale();
      this.#watched.markStale();
    }
    for (const held of this.#ending) this.#forget(held);
    void this.#catchUp();
  }

  /** Sends what Redis does not have, and reads what may have been missed, as far as that is possible now. */
  #catchUp(): Promise<void> {
    this.#catchingUp ??= this.#catchUpAll().finally(() => {
      this.#catchingUp = undefined;
    });
    return this.#catchingUp;
  }

  async #catchUpAll(): Promise<void> {
    const behind = [...this.#held.values()].filter(({ sync, roster }) => sync.hasUnsent || roster?.isStale);
    const isAttached = (): boolean => this.#deps.node.isAttached;
    await inBatches(behind, (held) => this.#catchUpOne(held), isAttached);
    if (isAttached() && !this.#isSettling) await this.#watched.read();
  }

  async #catchUpOne(held: HeldChannel): Promise<void> {
    const isPushed = await this.#push(held);
    if (isPushed && !this.#isSettling && held.roster?.isStale) await held.roster.read();
    this.#forget(held);
  }
}

const changeOf = ({ id, member, except }: MemberMessage): RosterChange => ({
  member: member ?? { id, userId: id, infoJson: undefined },
  joined: member !== undefined,
  except,
});
