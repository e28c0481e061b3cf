import { isReservedChannel, kindOf, type Member } from '#protocol';
import { keyOf } from '../../../core/util/key-of.ts';
import type { ChannelRef, Joining, Leaving, Membership, Occupancy } from '../../../core/ports/cluster.ts';

/** The other side's part in presence. */
export interface UpstreamMembers {
  /** Resolves when its members are known, or soon. Never rejects. */
  join(ref: ChannelRef, member: Member): Promise<void>;
  leave(ref: ChannelRef, id: string): void;
  /** False: nobody would say that somebody has left it. */
  isHeard(ref: ChannelRef): boolean;
}

/** Members and counts of channels at the other side, without the sockets of this node's bridge. Never rejects, and answers soon. */
export interface Census {
  members(ref: ChannelRef): Promise<readonly Member[]>;
  occupancy(ref: ChannelRef): Promise<Occupancy | undefined>;
  /** How many of the nodes that have clients on a channel are on it there too, by bridges of theirs. */
  otherBridgesOn(ref: ChannelRef, nodes: number): number;
  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>>;
}

export interface MergedMembershipNeeds {
  readonly inner: Membership;
  readonly otherSide: UpstreamMembers;
  readonly census: Census;
  failed(error: unknown): void;
}

interface Attended {
  readonly ref: ChannelRef;
  subscriptions: number;
  readonly real: Map<string, Member>;
  readonly other: Map<string, Member>;
}

/** Nobody's id: members of the other side have no socket here that must not hear of them. */
const NOBODY = '0.0';

/**
 * SPEC 11.10: who is on a presence channel, of two sources: `real` are users of this node's sockets, `other` those whom
 * the other side names. Somebody is a member from the first of them to the last.
 */
export class MergedMembership implements Membership {
  readonly #inner: Membership;
  readonly #otherSide: UpstreamMembers;
  readonly #census: Census;
  readonly #attended = new Map<string, Attended>();
  readonly #failed: (error: unknown) => void;

  constructor(needs: MergedMembershipNeeds) {
    this.#inner = needs.inner;
    this.#otherSide = needs.otherSide;
    this.#census = needs.census;
    this.#failed = (error) => needs.failed(error);
  }

  async join(ref: ChannelRef, joining: Joining): Promise<void> {
    const { member, subscriptions } = joining;
    if (!isAttended(ref)) return this.#inner.join(ref, joining);
    const attended = this.#attend(ref);
    attended.subscriptions = subscriptions;
    if (member === undefined) return this.#inner.join(ref, joining);
    attended.real.set(member.id, member);
    const isKnown = attended.other.has(member.id);
    await this.#inner.join(ref, isKnown ? { ...joining, member: undefined } : joining);
    await this.#otherSide.join(ref, member);
  }

  async leave(ref: ChannelRef, leaving: Leaving): Promise<void> {
    const attended = this.#attended.get(keyOf(ref));
    if (attended === undefined) return this.#inner.leave(ref, leaving);
    const { member, subscriptions } = leaving;
    attended.subscriptions = subscriptions;
    if (member !== undefined && attended.real.delete(member.id)) this.#otherSide.leave(ref, member.id);
    if (attended.real.size === 0) return this.#close(attended, leaving);
    if (member === undefined || !attended.other.has(member.id)) return this.#inner.leave(ref, leaving);
    // The other side says when he has left there too; when it cannot, he has.
    if (this.#otherSide.isHeard(ref)) return this.#inner.leave(ref, { subscriptions });
    attended.other.delete(member.id);
    return this.#inner.leave(ref, leaving);
  }

  count(ref: ChannelRef, subscriptions: number): void {
    const attended = this.#attended.get(keyOf(ref));
    if (attended !== undefined) attended.subscriptions = subscriptions;
    this.#inner.count(ref, subscriptions);
  }

  /** Of a channel that this node is on, it knows both sides; of others, it asks. */
  async members(ref: ChannelRef): Promise<readonly Member[]> {
    if (!isAttended(ref) || this.#attended.has(keyOf(ref))) return this.#inner.members(ref);
    const [ours, theirs] = await Promise.all([this.#inner.members(ref), this.#census.members(ref)]);
    return [...new Map([...theirs, ...ours].map((member) => [member.id, member])).values()];
  }

  async occupancy(ref: ChannelRef): Promise<Occupancy> {
    if (isReservedChannel(ref.channel) || this.#attended.has(keyOf(ref))) return this.#inner.occupancy(ref);
    const [ours, theirs] = await Promise.all([this.#inner.occupancy(ref), this.#census.occupancy(ref)]);
    return this.#together(ref, ours, theirs);
  }

  async channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>> {
    const [ours, theirs] = await Promise.all([
      this.#inner.channels(app, prefix),
      this.#census.channels(app, prefix),
    ]);
    const names = new Set([...ours.keys(), ...theirs.keys()]);
    const all = [...names].map(
      (name) => [name, this.#together({ app, channel: name }, ours.get(name), theirs.get(name))] as const,
    );
    return new Map(all.filter(([name, { subscriptions }]) => subscriptions > 0 && !isCanary(name)));
  }

  // --- the other side --------------------------------------------------------------------------

  otherCame(ref: ChannelRef, member: Member): void {
    const attended = this.#attended.get(keyOf(ref));
    if (attended === undefined || attended.other.has(member.id)) return;
    attended.other.set(member.id, member);
    if (attended.real.has(member.id)) return;
    const { subscriptions } = attended;
    this.#inner.join(ref, { subscriptions, member, socketId: NOBODY }).catch(this.#failed);
  }

  otherWent(ref: ChannelRef, id: string): void {
    const attended = this.#attended.get(keyOf(ref));
    const member = attended?.other.get(id);
    if (attended === undefined || member === undefined) return;
    attended.other.delete(id);
    if (attended.real.has(id)) return;
    this.#inner.leave(ref, { subscriptions: attended.subscriptions, member }).catch(this.#failed);
  }

  /** All of them, from now on: those who are not named have left. */
  others(ref: ChannelRef, members: readonly Member[]): void {
    const attended = this.#attended.get(keyOf(ref));
    if (attended === undefined) return;
    const named = new Set(members.map(({ id }) => id));
    for (const id of [...attended.other.keys()]) if (!named.has(id)) this.otherWent(ref, id);
    for (const member of members) this.otherCame(ref, member);
  }

  /** Members that the other side names on a channel. */
  othersOn(ref: ChannelRef): number {
    return this.#attended.get(keyOf(ref))?.other.size ?? 0;
  }

  // --- within ----------------------------------------------------------------------------------

  /** Users of both sides are members of both: the longer list is the whole one. */
  #together(ref: ChannelRef, ours = NOBODY_THERE, theirs = NOBODY_THERE): Occupancy {
    const bridges = this.#census.otherBridgesOn(ref, ours.nodes ?? 0);
    return {
      subscriptions: ours.subscriptions + Math.max(0, theirs.subscriptions - bridges),
      users: Math.max(ours.users, theirs.users),
    };
  }

  /** Nobody of this node is left: what the other side says of the channel is of no concern here any more. */
  async #close({ ref, other }: Attended, leaving: Leaving): Promise<void> {
    this.#attended.delete(keyOf(ref));
    const others = [...other.values()].filter(({ id }) => id !== leaving.member?.id);
    const left = others.map((member) => this.#inner.leave(ref, { subscriptions: 1, member }));
    await Promise.all(left);
    await this.#inner.leave(ref, leaving);
  }

  #attend(ref: ChannelRef): Attended {
    const known = this.#attended.get(keyOf(ref));
    if (known !== undefined) return known;
    const attended = {
      ref,
      subscriptions: 0,
      real: new Map<string, Member>(),
      other: new Map<string, Member>(),
    };
    this.#attended.set(keyOf(ref), attended);
    return attended;
  }
}

const NOBODY_THERE: Occupancy = { subscriptions: 0, users: 0 };

/** Channels of probes, which are nobody's. */
const isCanary = (channel: string): boolean => channel.startsWith('wavehall-canary-');

const isAttended = ({ channel }: ChannelRef): boolean =>
  kindOf(channel).members && !isReservedChannel(channel);
