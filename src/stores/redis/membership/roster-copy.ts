import { isUtf8 } from 'node:buffer';
import type { Member } from '#protocol';
import { decodeMember, type MemberMessage } from '../events/message-codec.ts';

/** A difference between what clients were told and what is. */
export interface Difference {
  readonly member: Member;
  readonly came: boolean;
  readonly except?: string | undefined;
}

interface Entry {
  readonly member: Member;
  /** Place in the order of joining. */
  readonly version: number;
  /** The cluster said that he left, but he is here: this node's word on it is on its way. */
  readonly isGone?: boolean;
}

export interface Snapshot {
  readonly generation: number;
  readonly version: number;
  readonly entries: ReadonlyMap<string, Entry>;
  /** For so long some may be missing: others have yet to tell again what they hold. */
  readonly quietMs: number;
  /** The counts do not agree with the members that are there: a part is lost, or another program's. */
  readonly isDamaged?: boolean;
  /** Ids whose members cannot be read. */
  readonly unreadable?: readonly Buffer[];
}

/** What a node knows that has heard of nobody. */
export const EMPTY: Snapshot = { generation: 0, version: 0, entries: new Map(), quietMs: 0 };

export interface Heard {
  /** What clients have to be told. */
  readonly differences: readonly Difference[];
  /** Something before it was not heard: the roster has to be read. */
  readonly isGap: boolean;
}

const NOTHING: Heard = { differences: [], isGap: false };

/**
 * A node's copy of who is on a presence channel: what its clients were told. News are applied in the order of their
 * versions; what the copy knows already is no news, whoever says it again. `own` names the socket by which a user of
 * this node came: it is told nothing of him, and a reading that does not have him is too old.
 */
export class RosterCopy {
  #generation: number;
  #version: number;
  readonly #entries: Map<string, Entry>;
  readonly #own: (id: string) => string | undefined;

  constructor(
    { generation, version, entries }: Snapshot,
    own: (id: string) => string | undefined = () => undefined,
  ) {
    this.#generation = generation;
    this.#version = version;
    this.#entries = new Map(entries);
    this.#own = own;
  }

  /** In the order in which they joined. */
  members(): Member[] {
    return [...this.#entries.values()].sort((a, b) => a.version - b.version).map(({ member }) => member);
  }

  /** A user of this node came, whether or not anybody else knows. `undefined`: clients know. */
  add(member: Member, except: string): Difference | undefined {
    if (this.#entries.has(member.id)) return undefined;
    this.#entries.set(member.id, { member, version: this.#version });
    return { member, came: true, except };
  }

  /** A user of this node left. His going is told when the cluster says so, which it may have done already. */
  leave(id: string): Difference | undefined {
    const known = this.#entries.get(id);
    if (known?.isGone !== true) return undefined;
    this.#entries.delete(id);
    return { member: known.member, came: false };
  }

  hear({ generation, version, id, member, except }: MemberMessage): Heard {
    const isSame = Number(generation) === this.#generation;
    if (!this.#isBehind(Number(generation), version, 1)) return NOTHING;
    const isGap = !isSame || version > this.#version + 1;
    this.#generation = Number(generation);
    this.#version = version;
    return {
      differences: member === undefined ? this.#went(id) : this.#came({ member, version }, except),
      isGap,
    };
  }

  /** Becomes the snapshot; the differences are what clients have to be told. `undefined`: the copy is newer. */
  replace({ generation, version, entries }: Snapshot): Difference[] | undefined {
    if (!this.#isBehind(generation, version, 0)) return undefined;
    const before = [...this.#entries.values()];
    const went = before.filter(({ member: { id } }) => !entries.has(id) && this.#own(id) === undefined);
    const came = [...entries.values()].filter(({ member }) => !this.#entries.has(member.id));
    this.#generation = generation;
    this.#version = version;
    for (const { member } of went) this.#entries.delete(member.id);
    for (const [id, entry] of entries) this.#entries.set(id, entry);
    return [
      ...went.map(({ member }) => ({ member, came: false })),
      ...came.sort((a, b) => a.version - b.version).map(({ member }) => ({ member, came: true })),
    ];
  }

  #came(entry: Entry, except: string | undefined): Difference[] {
    const { id } = entry.member;
    const known = this.#entries.get(id);
    this.#entries.set(id, entry);
    const isReturn = known?.isGone === true;
    const came = { member: entry.member, came: true, except: this.#own(id) ?? except };
    if (isReturn) return [{ ...came, member: known.member, came: false }, came];
    return known === undefined ? [came] : [];
  }

  #went(id: string): Difference[] {
    const known = this.#entries.get(id);
    if (known === undefined) return [];
    const isHere = this.#own(id) !== undefined;
    if (isHere) this.#entries.set(id, { ...known, isGone: true });
    else this.#entries.delete(id);
    return isHere ? [] : [{ member: known.member, came: false }];
  }

  #isBehind(generation: number, version: number, by: number): boolean {
    return generation === this.#generation ? version >= this.#version + by : generation > this.#generation;
  }
}

type Answer = readonly [
  generation: Buffer,
  version: Buffer,
  pairs: readonly Buffer[],
  quietMs: number,
  isWhole: number,
];

/** The answer of the snapshot script, in bytes; members that cannot be read are left out. */
export function snapshotOf(answer: unknown): Snapshot {
  const [generation, version, pairs, quietMs, isWhole] = answer as Answer;
  const entries = new Map<string, Entry>();
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
    quietMs,
    unreadable,
    isDamaged: isWhole === 0,
  };
}
