import { encode, type Member } from '#protocol';
import { channelKey } from '../../../core/util/channel-key.ts';
import type {
  ChannelEvent,
  ChannelRef,
  Deliver,
  Joining,
  Leaving,
  Membership,
  Occupancy,
} from '../../../core/ports/cluster.ts';
import type { MemberMessage } from '../events/message-codec.ts';
import { ChannelSync } from './channel-sync.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode, Returned } from '../node/node.ts';
import { occupancyOf, occupiedChannels } from './occupancy.ts';
import { inBatches } from '../events/in-batches.ts';
import { type Difference, RosterCopy } from './roster-copy.ts';
import { readRoster, RosterReplica } from './roster-replica.ts';
import { WatchedChannels } from './watched-channels.ts';

interface Held {
  readonly sync: ChannelSync;
  /** Presence channels only, and only while there are clients of this node on it. */
  roster?: RosterReplica | undefined;
}

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
}

/**
 * Who is where, in Redis. This node's part of it can be told again at any moment; whatever could not be told or read is
 * tried again with each beat.
 */
export class RedisMembership implements Membership {
  readonly #needs: Needs;
  readonly #held = new Map<string, Held>();
  readonly #watched: WatchedChannels;
  #deliver: Deliver = () => undefined;
  #counted = new Set<Held>();
  #tending: Promise<void> | undefined;
  #isQuiet = false;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#watched = new WatchedChannels({
      known: (ref) => this.#held.get(channelKey(ref))?.roster?.members(),
      read: (ref) => readRoster(needs, ref),
      tell: (ref, difference) => this.#tell(ref, difference),
    });
    needs.node.onReturn((returned) => this.#returned(returned));
    needs.node.onBeat((quietMs) => this.#beat(quietMs));
  }

  /** Where news of members go. */
  start(deliver: Deliver): void {
    this.#deliver = deliver;
  }

  async join(ref: ChannelRef, { subscriptions, member, socketId }: Joining): Promise<void> {
    const held = this.#hold(ref, member !== undefined);
    held.sync.desire(subscriptions, member && { member, except: socketId });
    const isSaid = await this.#say(held);
    if (member === undefined) return;
    await held.roster?.entered(member, socketId, isSaid);
  }

  async leave(ref: ChannelRef, { subscriptions, member }: Leaving): Promise<void> {
    const held = this.#held.get(channelKey(ref));
    if (held === undefined) return;
    held.sync.desire(subscriptions, undefined, member?.id);
    if (member !== undefined) held.roster?.left(member.id);
    // Nobody listens here any more; whoever comes next begins with a fresh roster.
    if (subscriptions === 0) held.roster = undefined;
    await this.#say(held);
    this.#forget(held);
  }

  /** Many changes of one moment are told once. */
  count(ref: ChannelRef, subscriptions: number): void {
    const held = this.#held.get(channelKey(ref));
    if (held === undefined) return;
    held.sync.desire(subscriptions);
    this.#counted.add(held);
    if (this.#counted.size === 1) setImmediate(() => this.#tellCounts());
  }

  async members(ref: ChannelRef): Promise<readonly Member[]> {
    const held = this.#held.get(channelKey(ref));
    const members = held?.roster?.members();
    if (members !== undefined) return members;
    if (held !== undefined && !this.#needs.node.isAttached) return [...held.sync.members()];
    const read = new RosterCopy(await readRoster(this.#needs, ref)).members();
    this.#watched.answered(ref, read);
    return read;
  }

  /** Comings and goings on the channel are listened to here, whoever of this node is on it. */
  watch(ref: ChannelRef): void {
    this.#watched.watch(ref);
  }

  unwatch(ref: ChannelRef): void {
    this.#watched.unwatch(ref);
  }

  occupancy(ref: ChannelRef): Promise<Occupancy> {
    return occupancyOf(this.#needs, ref);
  }

  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    return occupiedChannels(this.#needs, app, prefix);
  }

  /** News of a member from the bus: what its clients do not know yet goes to them. */
  heard(ref: ChannelRef, message: MemberMessage): void {
    const roster = this.#held.get(channelKey(ref))?.roster;
    if (roster === undefined) this.#tell(ref, differenceIn(message));
    else roster.hear(message);
  }

  /**
   * Looks whether Redis still has what this node said, and says again what it has not. Resolves with the number of
   * channels that were damaged; rejects with `Unavailable` when that cannot be known.
   */
  async repair(): Promise<number> {
    const damaged: Held[] = [];
    await inBatches([...this.#held.values()], async (held) => {
      if (!(await held.sync.verify())) damaged.push(held);
    });
    await this.#needs.node.quieten(new Set(damaged.map(({ sync }) => sync.keys.partition)));
    for (const { sync, roster } of damaged) {
      sync.damaged();
      roster?.doubt();
    }
    void this.#tend();
    return damaged.length;
  }

  /** The listening link was down: news may have been missed. */
  reread(): void {
    for (const { roster } of this.#held.values()) roster?.doubt();
    this.#watched.doubt();
    void this.#tend();
  }

  // --- within ----------------------------------------------------------------------------------

  #hold(ref: ChannelRef, hasMembers: boolean): Held {
    let held = this.#held.get(channelKey(ref));
    if (held === undefined) {
      held = { sync: new ChannelSync(ref, this.#needs) };
      this.#held.set(channelKey(ref), held);
    }
    if (hasMembers) {
      held.roster ??= new RosterReplica(this.#needs, held.sync, (difference) => this.#tell(ref, difference));
    }
    return held;
  }

  /** Redis being away is no reason to refuse a client: it is told when Redis is back. False: it does not know yet. */
  async #say(held: Held): Promise<boolean> {
    try {
      if (this.#needs.node.isAttached) {
        await held.sync.push();
        return true;
      }
    } catch {
      // The next beat tries again.
    }
    held.roster?.doubt();
    return false;
  }

  #forget(held: Held): void {
    const key = channelKey(held.sync.ref);
    // Somebody who came meanwhile may have begun anew.
    if (held.sync.isOver && this.#held.get(key) === held) this.#held.delete(key);
  }

  #tellCounts(): void {
    const counted = this.#counted;
    this.#counted = new Set();
    for (const held of counted) void this.#say(held);
  }

  #tell(ref: ChannelRef, difference: Difference): void {
    const { member, came, except } = difference;
    this.#watched.told(ref, difference);
    const payload = came
      ? encode.memberAdded(ref.channel, member)
      : encode.memberRemoved(ref.channel, member);
    const event: ChannelEvent = { payload, except, memberChange: { id: member.id, joined: came } };
    this.#deliver(ref, event);
  }

  #returned({ quietMs }: Returned): void {
    this.#isQuiet = quietMs > 0;
    for (const { sync } of this.#held.values()) sync.doubt();
    this.reread();
  }

  /** In a time of quiet leaving is not told: who has left is read when it is over. */
  #beat(quietMs: number): void {
    this.#isQuiet = quietMs > 0;
    if (this.#isQuiet) {
      for (const { roster } of this.#held.values()) roster?.doubt();
      this.#watched.doubt();
    }
    void this.#tend();
  }

  /** Tells what Redis does not know, and reads what may have been missed, as far as that is possible now. */
  #tend(): Promise<void> {
    this.#tending ??= this.#tendAll().finally(() => {
      this.#tending = undefined;
    });
    return this.#tending;
  }

  async #tendAll(): Promise<void> {
    const behind = [...this.#held.values()].filter(({ sync, roster }) => sync.isBehind || roster?.isStale);
    const isAttached = (): boolean => this.#needs.node.isAttached;
    await inBatches(behind, (held) => this.#tendOne(held), isAttached);
    if (isAttached() && !this.#isQuiet) await this.#watched.read();
  }

  async #tendOne(held: Held): Promise<void> {
    const isSaid = await this.#say(held);
    if (isSaid && !this.#isQuiet && held.roster?.isStale) await held.roster.read();
    this.#forget(held);
  }
}

const differenceIn = ({ id, member, except }: MemberMessage): Difference => ({
  member: member ?? { id, userId: id, infoJson: undefined },
  came: member !== undefined,
  except,
});
