import type { Member } from '#protocol';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import { inBatches } from '../events/in-batches.ts';
import type { RosterChange, RosterSnapshot } from './roster-copy.ts';

interface WatchedChannel {
  readonly ref: ChannelRef;
  /** Members as they were last emitted or read. */
  members: Map<string, Member>;
  isStale: boolean;
}

interface WatchedChannelsDeps {
  /** Returns the members of a channel that this node has clients on: its roster emits the changes by itself. */
  readonly localMembers: (ref: ChannelRef) => readonly Member[] | undefined;
  /** Rejects when Redis is unavailable. */
  readonly read: (ref: ChannelRef) => Promise<RosterSnapshot>;
  readonly emit: (ref: ChannelRef, change: RosterChange) => void;
}

/** Channels whose member changes are delivered here though no client of this node is a member of them. */
export class WatchedChannels {
  readonly #deps: WatchedChannelsDeps;
  readonly #watched = new Map<string, WatchedChannel>();

  constructor(deps: WatchedChannelsDeps) {
    this.#deps = deps;
  }

  watch(ref: ChannelRef): void {
    this.#watched.set(channelMapKey(ref), { ref, members: new Map(), isStale: false });
  }

  unwatch(ref: ChannelRef): void {
    this.#watched.delete(channelMapKey(ref));
  }

  /** Called with every change that is delivered on this node. */
  onChange(ref: ChannelRef, { member, joined }: RosterChange): void {
    const watched = this.#watched.get(channelMapKey(ref));
    if (joined) watched?.members.set(member.id, member);
    else watched?.members.delete(member.id);
  }

  /** Called with the members of a channel when they were read for another purpose. */
  setMembers(ref: ChannelRef, members: readonly Member[]): void {
    const watched = this.#watched.get(channelMapKey(ref));
    if (watched === undefined) return;
    watched.members = new Map(members.map((member) => [member.id, member]));
    watched.isStale = false;
  }

  /** Called when member changes may have been missed. */
  markStale(): void {
    for (const watched of this.#watched.values()) watched.isStale = true;
  }

  /** Reads stale channels and emits the changes that were missed. A channel that cannot be read now stays stale. */
  async read(): Promise<void> {
    const stale = [...this.#watched.values()].filter(({ isStale }) => isStale);
    await inBatches(stale, (watched) => this.#readOne(watched));
  }

  async #readOne(watched: WatchedChannel): Promise<void> {
    const { ref } = watched;
    const local = this.#deps.localMembers(ref);
    if (local !== undefined) return this.setMembers(ref, local);
    watched.isStale = false;
    const snapshot = await this.#deps.read(ref).catch(() => undefined);
    // While partitions settle, other nodes have yet to write their members again.
    if (snapshot?.settlingMs === 0) this.#emitChanges(watched, snapshot);
    else watched.isStale = true;
  }

  #emitChanges({ ref, members }: WatchedChannel, { entries }: RosterSnapshot): void {
    const left = [...members.values()].filter(({ id }) => !entries.has(id));
    const joined = [...entries.values()].filter(({ member }) => !members.has(member.id));
    for (const member of left) this.#deps.emit(ref, { member, joined: false });
    for (const { member } of joined) this.#deps.emit(ref, { member, joined: true });
  }
}
