import type { Member } from '#protocol';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import type { MemberMessage } from '../events/message-codec.ts';
import type { ChannelSync } from './channel-sync.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from '../node/node.ts';
import {
  type RosterChange,
  EMPTY_SNAPSHOT,
  RosterCopy,
  type RosterSnapshot,
  decodeSnapshot,
} from './roster-copy.ts';
import { CHANNEL_DAMAGED, KEY_REPAIRED, runScript } from '../link/scripts.ts';

interface RosterDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
}

/**
 * The roster of a presence channel that this node has clients on. Clients receive exactly how it changes: from messages, and
 * after a gap in these, from reading the roster. Until a reading has succeeded the roster counts as stale.
 */
export class RosterReplica {
  readonly #deps: RosterDeps;
  readonly #sync: ChannelSync;
  readonly #emit: (change: RosterChange) => void;
  #copy: RosterCopy | undefined;
  /** Messages that arrived before the copy was read. */
  readonly #early: MemberMessage[] = [];
  #reading: Promise<void> | undefined;
  #isStale = true;

  constructor(deps: RosterDeps, sync: ChannelSync, emit: (change: RosterChange) => void) {
    this.#deps = deps;
    this.#sync = sync;
    this.#emit = emit;
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** `undefined` before the first client has joined. */
  members(): Member[] | undefined {
    return this.#copy?.members();
  }

  /** Called when messages may have been missed: the roster is read at the next occasion. */
  markStale(): void {
    this.#isStale = true;
  }

  /**
   * Adds a user of this node. While Redis is unavailable the roster begins with the local users. `isPushed`: Redis has the user;
   * otherwise it is unknown whether other nodes have it, and the join is delivered.
   */
  async addLocal(member: Member, except: string, isPushed: boolean): Promise<void> {
    const isNew = this.#sync.consumeAdded(member.id) || !isPushed;
    const isFirst = this.#copy === undefined;
    if (isFirst && this.#deps.node.isAttached) await this.read();
    const copy = this.#copy ?? this.#create(EMPTY_SNAPSHOT);
    if (this.#sync.socketOf(member.id) === undefined) return;
    const change = isFirst && isNew ? { member, joined: true, except } : copy.add(member, except);
    if (change !== undefined) this.#emit(change);
  }

  removeLocal(id: string): void {
    const change = this.#copy?.leave(id);
    if (change !== undefined) this.#emit(change);
  }

  onMessage(message: MemberMessage): void {
    if (this.#copy === undefined) {
      this.#early.push(message);
      return;
    }
    const { changes, isGap } = this.#copy.apply(message);
    for (const change of changes) this.#emit(change);
    if (!isGap) return;
    this.markStale();
    const again = (): void => void this.read();
    if (this.#reading === undefined) again();
    else void this.#reading.then(again);
  }

  /** Reads the roster and emits how it differs from what clients have. Several calls at once are one. Never rejects. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    const isApplied = await readRoster(this.#deps, this.#sync.ref).then(
      (snapshot) => this.#applySnapshot(snapshot),
      () => false,
    );
    if (!isApplied) this.#isStale = true;
  }

  /** False when the snapshot is incomplete: older than the messages received, or other nodes have yet to write theirs. */
  #applySnapshot(snapshot: RosterSnapshot): boolean {
    const { node } = this.#deps;
    const isWhole =
      snapshot.settlingMs === 0 && snapshot.generation === Number(node.generation(this.#sync.keys.partition));
    if (this.#copy === undefined) {
      this.#create(snapshot);
      return isWhole;
    }
    const changes = isWhole ? this.#copy.replace(snapshot) : undefined;
    for (const change of changes ?? []) this.#emit(change);
    return changes !== undefined;
  }

  #create(snapshot: RosterSnapshot): RosterCopy {
    const copy = new RosterCopy(snapshot, (id) => this.#sync.socketOf(id));
    for (const member of this.#sync.members()) copy.add(member, '');
    this.#copy = copy;
    for (const message of this.#early.splice(0)) this.onMessage(message);
    return copy;
  }
}

/** Reads the roster of a channel. Rejects with `Unavailable`. */
export async function readRoster(
  { links, keys, node }: RosterDeps,
  ref: ChannelRef,
): Promise<RosterSnapshot> {
  if (!node.isAttached) throw new Unavailable('Redis is unavailable.');
  const channel = keys.channel(ref);
  const { partition, version, members, nodesPerUser, counts } = channel;
  const names = [keys.generation(partition), version, members, nodesPerUser, counts];
  const args = [channel.usersOf('')];
  const snapshot = decodeSnapshot(await runScript(links.commands, 'read-roster', names, args, 'bytes'));
  const { unreadable = [] } = snapshot;
  if (snapshot.isDamaged) links.commands.emit(CHANNEL_DAMAGED);
  if (unreadable.length > 0) {
    links.commands.emit(KEY_REPAIRED, members);
    // The nodes that have these users write them again.
    links.commands.hdel(members, ...unreadable).catch(() => undefined);
  }
  return snapshot;
}
