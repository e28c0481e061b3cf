import { isReservedChannel, kindOf, type Member } from '#protocol';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { Joining, Leaving, Membership, Occupancy } from '../../../core/ports/membership.ts';

/** Membership of this node's users at the upstream. */
export interface UpstreamPresence {
  /** Resolves when the upstream's members are known, or soon. Never rejects. */
  join(ref: ChannelRef, member: Member): Promise<void>;
  leave(ref: ChannelRef, id: string): void;
  /** False when the upstream would not report that a member leaves. */
  isSubscribed(ref: ChannelRef): boolean;
}

/** Members and counts of channels at the upstream, without the bridge's own connections. Never rejects, and resolves soon. */
export interface ChannelCounts {
  members(ref: ChannelRef): Promise<readonly Member[]>;
  occupancy(ref: ChannelRef): Promise<Occupancy | undefined>;
  /** Of `nodes` that have clients on a channel, how many others are subscribed to it at the upstream by their bridges. */
  otherBridgesOn(ref: ChannelRef, nodes: number): number;
  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>>;
}

export interface MergedMembershipDeps {
  readonly inner: Membership;
  readonly upstream: UpstreamPresence;
  readonly counts: ChannelCounts;
  failed(error: unknown): void;
}

interface MergedChannel {
  readonly ref: ChannelRef;
  subscriptions: number;
  readonly local: Map<string, Member>;
  readonly upstream: Map<string, Member>;
}

/** Socket id of the upstream's members: they have no socket here that is excluded from their `member_added`. */
const NO_SOCKET = '0.0';

/**
 * SPEC 11.10: members of presence channels from two sources: `local` are users of this node's sockets, `upstream` those
 * that the upstream lists. A user is a member while either source has it.
 */
export class MergedMembership implements Membership {
  readonly #inner: Membership;
  readonly #upstream: UpstreamPresence;
  readonly #counts: ChannelCounts;
  readonly #channels = new Map<string, MergedChannel>();
  readonly #failed: (error: unknown) => void;

  constructor(deps: MergedMembershipDeps) {
    this.#inner = deps.inner;
    this.#upstream = deps.upstream;
    this.#counts = deps.counts;
    this.#failed = (error) => deps.failed(error);
  }

  async join(ref: ChannelRef, joining: Joining): Promise<void> {
    const { member, subscriptions } = joining;
    if (!isMerged(ref)) return this.#inner.join(ref, joining);
    const merged = this.#open(ref);
    merged.subscriptions = subscriptions;
    if (member === undefined) return this.#inner.join(ref, joining);
    merged.local.set(member.id, member);
    const isKnown = merged.upstream.has(member.id);
    await this.#inner.join(ref, isKnown ? { ...joining, member: undefined } : joining);
    await this.#upstream.join(ref, member);
  }

  async leave(ref: ChannelRef, leaving: Leaving): Promise<void> {
    const merged = this.#channels.get(channelMapKey(ref));
    if (merged === undefined) return this.#inner.leave(ref, leaving);
    const { member, subscriptions } = leaving;
    merged.subscriptions = subscriptions;
    if (member !== undefined && merged.local.delete(member.id)) this.#upstream.leave(ref, member.id);
    if (merged.local.size === 0) return this.#close(merged, leaving);
    if (member === undefined || !merged.upstream.has(member.id)) return this.#inner.leave(ref, leaving);
    // The upstream reports when the user has left there, too; when it cannot, the user counts as gone.
    if (this.#upstream.isSubscribed(ref)) return this.#inner.leave(ref, { subscriptions });
    merged.upstream.delete(member.id);
    return this.#inner.leave(ref, leaving);
  }

  count(ref: ChannelRef, subscriptions: number): void {
    const merged = this.#channels.get(channelMapKey(ref));
    if (merged !== undefined) merged.subscriptions = subscriptions;
    this.#inner.count(ref, subscriptions);
  }

  /** Channels that this node is on are known from both sides; for others the upstream is asked. */
  async members(ref: ChannelRef): Promise<readonly Member[]> {
    if (!isMerged(ref) || this.#channels.has(channelMapKey(ref))) return this.#inner.members(ref);
    const [own, upstream] = await Promise.all([this.#inner.members(ref), this.#counts.members(ref)]);
    return [...new Map([...upstream, ...own].map((member) => [member.id, member])).values()];
  }

  async occupancy(ref: ChannelRef): Promise<Occupancy> {
    if (isReservedChannel(ref.channel) || this.#channels.has(channelMapKey(ref)))
      return this.#inner.occupancy(ref);
    const [own, upstream] = await Promise.all([this.#inner.occupancy(ref), this.#counts.occupancy(ref)]);
    return this.#sum(ref, own, upstream);
  }

  async channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const [own, upstream] = await Promise.all([
      this.#inner.channels(app, prefix),
      this.#counts.channels(app, prefix),
    ]);
    const names = new Set([...own.keys(), ...upstream.keys()]);
    const all = [...names].map(
      (name) => [name, this.#sum({ app, channel: name }, own.get(name), upstream.get(name))] as const,
    );
    return new Map(all.filter(([name, { subscriptions }]) => subscriptions > 0 && !isCanary(name)));
  }

  // --- members of the upstream -----------------------------------------------------------------

  upstreamJoined(ref: ChannelRef, member: Member): void {
    const merged = this.#channels.get(channelMapKey(ref));
    if (merged === undefined || merged.upstream.has(member.id)) return;
    merged.upstream.set(member.id, member);
    if (merged.local.has(member.id)) return;
    const { subscriptions } = merged;
    this.#inner.join(ref, { subscriptions, member, socketId: NO_SOCKET }).catch(this.#failed);
  }

  upstreamLeft(ref: ChannelRef, id: string): void {
    const merged = this.#channels.get(channelMapKey(ref));
    const member = merged?.upstream.get(id);
    if (merged === undefined || member === undefined) return;
    merged.upstream.delete(id);
    if (merged.local.has(id)) return;
    this.#inner.leave(ref, { subscriptions: merged.subscriptions, member }).catch(this.#failed);
  }

  /** Replaces the list: members that are not in it have left. */
  upstreamRoster(ref: ChannelRef, members: readonly Member[]): void {
    const merged = this.#channels.get(channelMapKey(ref));
    if (merged === undefined) return;
    const named = new Set(members.map(({ id }) => id));
    for (const id of [...merged.upstream.keys()]) if (!named.has(id)) this.upstreamLeft(ref, id);
    for (const member of members) this.upstreamJoined(ref, member);
  }

  /** Number of the upstream's members that are listed. */
  upstreamCount(ref: ChannelRef): number {
    return this.#channels.get(channelMapKey(ref))?.upstream.size ?? 0;
  }

  // --- within ----------------------------------------------------------------------------------

  /** Adds subscriptions up. Users of both sides are members at both, so the longer list has all of them. */
  #sum(ref: ChannelRef, own = EMPTY_OCCUPANCY, upstream = EMPTY_OCCUPANCY): Occupancy {
    const bridges = this.#counts.otherBridgesOn(ref, own.nodes ?? 0);
    return {
      subscriptions: own.subscriptions + Math.max(0, upstream.subscriptions - bridges),
      users: Math.max(own.users, upstream.users),
    };
  }

  /** The last user of this node has left: removes the upstream's members, which are not followed any more. */
  async #close({ ref, upstream }: MergedChannel, leaving: Leaving): Promise<void> {
    this.#channels.delete(channelMapKey(ref));
    const others = [...upstream.values()].filter(({ id }) => id !== leaving.member?.id);
    const left = others.map((member) => this.#inner.leave(ref, { subscriptions: 1, member }));
    await Promise.all(left);
    await this.#inner.leave(ref, leaving);
  }

  #open(ref: ChannelRef): MergedChannel {
    const known = this.#channels.get(channelMapKey(ref));
    if (known !== undefined) return known;
    const merged = {
      ref,
      subscriptions: 0,
      local: new Map<string, Member>(),
      upstream: new Map<string, Member>(),
    };
    this.#channels.set(channelMapKey(ref), merged);
    return merged;
  }
}

const EMPTY_OCCUPANCY: Occupancy = { subscriptions: 0, users: 0 };

/** Channels of the canary, which are not listed. */
const isCanary = (channel: string): boolean => channel.startsWith('wavehall-canary-');

const isMerged = ({ channel }: ChannelRef): boolean => kindOf(channel).members && !isReservedChannel(channel);
