import type { Member } from '#protocol';
import { channelKey } from '../../../core/util/channel-key.ts';
import type { ChannelRef } from '../../../core/ports/cluster.ts';
import { inBatches } from '../events/in-batches.ts';
import type { Difference, Snapshot } from './roster-copy.ts';

interface Watched {
  readonly ref: ChannelRef;
  /** Who was there when it was last told or read. */
  members: Map<string, Member>;
  isStale: boolean;
}

interface Needs {
  /** Members of a channel that this node is on: their comings and goings are told without any help. */
  readonly known: (ref: ChannelRef) => readonly Member[] | undefined;
  /** Rejects when Redis is away. */
  readonly read: (ref: ChannelRef) => Promise<Snapshot>;
  readonly tell: (ref: ChannelRef, difference: Difference) => void;
}

/** Channels of members whose comings and goings are listened to here though nobody of this node is on them. */
export class WatchedChannels {
  readonly #needs: Needs;
  readonly #watched = new Map<string, Watched>();

  constructor(needs: Needs) {
    this.#needs = needs;
  }

  watch(ref: ChannelRef): void {
    this.#watched.set(channelKey(ref), { ref, members: new Map(), isStale: false });
  }

  unwatch(ref: ChannelRef): void {
    this.#watched.delete(channelKey(ref));
  }

  /** What was told of a channel, to whomever. */
  told(ref: ChannelRef, { member, came }: Difference): void {
    const watched = this.#watched.get(channelKey(ref));
    if (came) watched?.members.set(member.id, member);
    else watched?.members.delete(member.id);
  }

  /** What somebody who asked was answered. */
  answered(ref: ChannelRef, members: readonly Member[]): void {
    const watched = this.#watched.get(channelKey(ref));
    if (watched === undefined) return;
    watched.members = new Map(members.map((member) => [member.id, member]));
    watched.isStale = false;
  }

  /** News may have been missed. */
  doubt(): void {
    for (const watched of this.#watched.values()) watched.isStale = true;
  }

  /** Tells how what was missed differs from what was told. What cannot be read now stays stale. */
  async read(): Promise<void> {
    const stale = [...this.#watched.values()].filter(({ isStale }) => isStale);
    await inBatches(stale, (watched) => this.#readOne(watched));
  }

  async #readOne(watched: Watched): Promise<void> {
    const { ref } = watched;
    const known = this.#needs.known(ref);
    if (known !== undefined) return this.answered(ref, known);
    watched.isStale = false;
    const snapshot = await this.#needs.read(ref).catch(() => undefined);
    // Others may have yet to tell again what they hold.
    if (snapshot?.quietMs === 0) this.#tellDifferences(watched, snapshot);
    else watched.isStale = true;
  }

  #tellDifferences({ ref, members }: Watched, { entries }: Snapshot): void {
    const went = [...members.values()].filter(({ id }) => !entries.has(id));
    const came = [...entries.values()].filter(({ member }) => !members.has(member.id));
    for (const member of went) this.#needs.tell(ref, { member, came: false });
    for (const { member } of came) this.#needs.tell(ref, { member, came: true });
  }
}
