import type { Member } from '#protocol';
import type { ChannelRef } from '../../../core/ports/cluster.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import type { MemberMessage } from '../events/message-codec.ts';
import type { ChannelSync } from './channel-sync.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from '../node/node.ts';
import { type Difference, EMPTY, RosterCopy, type Snapshot, snapshotOf } from './roster-copy.ts';
import { KEY_DAMAGED, KEY_MENDED, run } from '../link/scripts.ts';

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
}

/**
 * The roster of a presence channel that this node has clients on. They are told exactly how it changes: by the bus, and
 * where that may have had holes, by reading it. Until a reading has gone well it counts as stale.
 */
export class RosterReplica {
  readonly #needs: Needs;
  readonly #sync: ChannelSync;
  readonly #tell: (difference: Difference) => void;
  #copy: RosterCopy | undefined;
  /** What was heard before the copy was read. */
  readonly #early: MemberMessage[] = [];
  #reading: Promise<void> | undefined;
  #isStale = true;

  constructor(needs: Needs, sync: ChannelSync, tell: (difference: Difference) => void) {
    this.#needs = needs;
    this.#sync = sync;
    this.#tell = tell;
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** `undefined`: nobody was let in yet. */
  members(): Member[] | undefined {
    return this.#copy?.members();
  }

  /** Something may have been missed. */
  doubt(): void {
    this.#isStale = true;
  }

  /**
   * A user of this node came. With Redis away the roster begins with what is known here.
   * `isSaid`: Redis knows; else it may be news to others or not.
   */
  async entered(member: Member, except: string, isSaid: boolean): Promise<void> {
    const isNews = this.#sync.tookBringing(member.id) || !isSaid;
    const isFirst = this.#copy === undefined;
    if (isFirst && this.#needs.node.isAttached) await this.read();
    const copy = this.#copy ?? this.#begin(EMPTY);
    if (this.#sync.socketOf(member.id) === undefined) return;
    const difference = isFirst && isNews ? { member, came: true, except } : copy.add(member, except);
    if (difference !== undefined) this.#tell(difference);
  }

  /** A user of this node left. */
  left(id: string): void {
    const difference = this.#copy?.leave(id);
    if (difference !== undefined) this.#tell(difference);
  }

  hear(message: MemberMessage): void {
    if (this.#copy === undefined) {
      this.#early.push(message);
      return;
    }
    const { differences, isGap } = this.#copy.hear(message);
    for (const difference of differences) this.#tell(difference);
    if (!isGap) return;
    this.doubt();
    const again = (): void => void this.read();
    if (this.#reading === undefined) again();
    else void this.#reading.then(again);
  }

  /** Tells clients how the roster differs from what they were told. Several at once are one. Never rejects. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    const isTaken = await readRoster(this.#needs, this.#sync.ref).then(
      (snapshot) => this.#take(snapshot),
      () => false,
    );
    if (!isTaken) this.#isStale = true;
  }

  /** False when it is not the whole truth: it is older than what was heard, or others have yet to tell theirs. */
  #take(snapshot: Snapshot): boolean {
    const { node } = this.#needs;
    const isWhole =
      snapshot.quietMs === 0 && snapshot.generation === Number(node.generation(this.#sync.keys.partition));
    if (this.#copy === undefined) {
      this.#begin(snapshot);
      return isWhole;
    }
    const differences = isWhole ? this.#copy.replace(snapshot) : undefined;
    for (const difference of differences ?? []) this.#tell(difference);
    return differences !== undefined;
  }

  #begin(snapshot: Snapshot): RosterCopy {
    const copy = new RosterCopy(snapshot, (id) => this.#sync.socketOf(id));
    for (const member of this.#sync.members()) copy.add(member, '');
    this.#copy = copy;
    for (const message of this.#early.splice(0)) this.hear(message);
    return copy;
  }
}

/** Rejects with `Unavailable`. */
export async function readRoster({ links, keys, node }: Needs, ref: ChannelRef): Promise<Snapshot> {
  if (!node.isAttached) throw new Unavailable('Redis is away.');
  const channel = keys.channel(ref);
  const { partition, version, members, nodesPerUser, counts } = channel;
  const names = [keys.generation(partition), version, members, nodesPerUser, counts];
  const snapshot = snapshotOf(await run(links.commands, 'snapshot', names, [channel.usersOf('')], 'bytes'));
  const { unreadable = [] } = snapshot;
  if (snapshot.isDamaged) links.commands.emit(KEY_DAMAGED);
  if (unreadable.length > 0) {
    links.commands.emit(KEY_MENDED, members);
    // Whose members these are, those nodes say again.
    links.commands.hdel(members, ...unreadable).catch(() => undefined);
  }
  return snapshot;
}
