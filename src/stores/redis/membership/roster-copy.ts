import { isUtf8 } from 'node:buffer';
import type { Member } from '#protocol';
import { decodeMember, type MemberMessage } from '../events/message-codec.ts';

/** A change to deliver to clients: a member joined or left. */
export interface RosterChange {
  readonly member: Member;
  readonly joined: boolean;
  readonly except?: string | undefined;
}

interface RosterEntry {
  readonly member: Member;
  /** Order of joining. */
  readonly version: number;
  /** Removed by the cluster while the user is on this node (see `RosterCopy`). */
  readonly isRemoved?: boolean;
}

export interface RosterSnapshot {
  readonly generation: number;
  readonly version: number;
  readonly entries: ReadonlyMap<string, RosterEntry>;
  /** Milliseconds for which members may be missing, because their nodes have yet to write them again. */
  readonly settlingMs: number;
  /** The counts do not match the members: a part is lost, or another program wrote it. */
  readonly isDamaged?: boolean;
  /** Ids whose members cannot be decoded. */
  readonly unreadable?: readonly Buffer[];
}

/** Roster of a node that has read nothing yet. */
export const EMPTY_SNAPSHOT: RosterSnapshot = {
  generation: 0,
  version: 0,
  entries: new Map(),
  settlingMs: 0,
};

export interface AppliedMessage {
  /** Changes to deliver to clients. */
  readonly changes: readonly RosterChange[];
  /** A message before it was missed: the roster has to be read. */
  readonly isGap: boolean;
}

const NO_CHANGE: AppliedMessage = { changes: [], isGap: false };

/**
 * A node's copy of the members of a presence channel, as its clients know them. Messages are applied in the order of their
 * versions; a message that was applied before is ignored. `localSocketOf(id)` returns the socket of a user of this node, which
 * does not receive its own member_added; a snapshot without a local user is out of date in that point.
 *
 * The removal of a user who is on this node belongs to an earlier stay, so it is delivered together with the join that follows:
 *
 *     user 7 leaves this node and joins it again; Redis publishes -7, then +7
 *     -7 arrives   user 7 is on this node: nothing is delivered, the entry is marked `isRemoved`
 *     +7 arrives   member_removed, then member_added
 *     or 7 leaves  member_removed at once, and nothing when the next -7 arrives
 */
export class RosterCopy {
  #generation: number;
  #version: number;
  readonly #entries: Map<string, RosterEntry>;
  readonly #localSocketOf: (id: string) => string | undefined;

  constructor(
    { generation, version, entries }: RosterSnapshot,
    localSocketOf: (id: string) => string | undefined = () => undefined,
  ) {
    this.#generation = generation;
    this.#version = version;
    this.#entries = new Map(entries);
    this.#localSocketOf = localSocketOf;
  }

  /** Returns the members in the order in which they joined. */
  members(): Member[] {
    return [...this.#entries.values()].sort((a, b) => a.version - b.version).map(({ member }) => member);
  }

  /** Adds a user of this node before Redis publishes it. Returns the change to deliver, `undefined` when clients have the user. */
  add(member: Member, except: string): RosterChange | undefined {
    if (this.#entries.has(member.id)) return undefined;
    this.#entries.set(member.id, { member, version: this.#version });
    return { member, joined: true, except };
  }

  /** Called when a user has left this node. Returns a change only where the cluster's removal has already arrived. */
  leave(id: string): RosterChange | undefined {
    const known = this.#entries.get(id);
    if (known?.isRemoved !== true) return undefined;
    this.#entries.delete(id);
    return { member: known.member, joined: false };
  }

  apply({ generation, version, id, member, except }: MemberMessage): AppliedMessage {
    const isSame = Number(generation) === this.#generation;
    if (!this.#isOlderThan(Number(generation), version, 1)) return NO_CHANGE;
    const isGap = !isSame || version > this.#version + 1;
    this.#generation = Number(generation);
    this.#version = version;
    return {
      changes: member === undefined ? this.#remove(id) : this.#join({ member, version }, except),
      isGap,
    };
  }

  /** Becomes the snapshot; returns the changes to deliver, `undefined` when the copy is newer. */
  replace({ generation, version, entries }: RosterSnapshot): RosterChange[] | undefined {
    if (!this.#isOlderThan(generation, version, 0)) return undefined;
    const before = [...this.#entries.values()];
    const left = before.filter(
      ({ member: { id } }) => !entries.has(id) && this.#localSocketOf(id) === undefined,
    );
    const joined = [...entries.values()].filter(({ member }) => !this.#entries.has(member.id));
    this.#generation = generation;
    this.#version = version;
    for (const { member } of left) this.#entries.delete(member.id);
    for (const [id, entry] of entries) this.#entries.set(id, entry);
    return [
      ...left.map(({ member }) => ({ member, joined: false })),
      ...joined.sort((a, b) => a.version - b.version).map(({ member }) => ({ member, joined: true })),
    ];
  }

  #join(entry: RosterEntry, except: string | undefined): RosterChange[] {
    const { id } = entry.member;
    const known = this.#entries.get(id);
    this.#entries.set(id, entry);
    const change = { member: entry.member, joined: true, except: this.#localSocketOf(id) ?? except };
    if (known?.isRemoved === true) return [{ ...change, member: known.member, joined: false }, change];
    return known === undefined ? [change] : [];
  }

  #remove(id: string): RosterChange[] {
    const known = this.#entries.get(id);
    if (known === undefined) return [];
    const isHere = this.#localSocketOf(id) !== undefined;
    if (isHere) this.#entries.set(id, { ...known, isRemoved: true });
    else this.#entries.delete(id);
    return isHere ? [] : [{ member: known.member, joined: false }];
  }

  #isOlderThan(generation: number, version: number, by: number): boolean {
    return generation === this.#generation ? version >= this.#version + by : generation > this.#generation;
  }
}

type SnapshotAnswer = readonly [
  generation: Buffer,
  version: Buffer,
  pairs: readonly Buffer[],
  settlingMs: number,
  isWhole: number,
];

/** Decodes the answer of `read-roster.lua`, given in bytes. Members that cannot be decoded are left out. */
export function decodeSnapshot(answer: unknown): RosterSnapshot {
  const [generation, version, pairs, settlingMs, isWhole] = answer as SnapshotAnswer;
  const entries = new Map<string, RosterEntry>();
  const unreadable: Buffer[] = [];
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const id = pairs[at] as Buffer;
    const text = String(pairs[at + 1]);
    const space = text.indexOf(' ');
    const member = decodeMember(text.slice(space + 1));
    const place = Number(text.slice(0, space));
    if (member === undefined || member.id !== id.toString() || !isUtf8(id) || !Number.isFinite(place))
      unreadable.push(id);
    else entries.set(member.id, { member, version: place });
  }
  return {
    generation: Number(generation),
    version: Number(version),
    entries,
    settlingMs,
    unreadable,
    isDamaged: isWhole === 0,
  };
}
