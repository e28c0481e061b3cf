import type { Member } from '#protocol';
import { decodeMember, type MemberMessage } from './bus.ts';

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
}

export interface Snapshot {
  readonly generation: number;
  readonly version: number;
  readonly entries: ReadonlyMap<string, Entry>;
  /** For so long some may be missing: others have yet to tell again what they hold. */
  readonly quietMs: number;
}

/** What a node knows that has heard of nobody. */
export const EMPTY: Snapshot = { generation: 0, version: 0, entries: new Map(), quietMs: 0 };

export interface Heard {
  /** What clients have to be told, if anything. */
  readonly difference: Difference | undefined;
  /** Something before it was not heard: the roster has to be read. */
  readonly isGap: boolean;
}

const NOTHING: Heard = { difference: undefined, isGap: false };

/**
 * A node's copy of who is on a presence channel: what its clients were told. News are applied in the order of their
 * versions; what the copy knows already is no news, whoever says it again. A reading may be older than the coming of a
 * user of this node: `isHere` tells who is.
 */
export class RosterCopy {
  #generation: number;
  #version: number;
  readonly #entries: Map<string, Entry>;
  readonly #isHere: (id: string) => boolean;

  constructor({ generation, version, entries }: Snapshot, isHere: (id: string) => boolean = () => false) {
    this.#generation = generation;
    this.#version = version;
    this.#entries = new Map(entries);
    this.#isHere = isHere;
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

  hear({ generation, version, id, member, except }: MemberMessage): Heard {
    const isSame = Number(generation) === this.#generation;
    if (!this.#isBehind(Number(generation), version, 1)) return NOTHING;
    const isGap = !isSame || version > this.#version + 1;
    this.#generation = Number(generation);
    this.#version = version;
    const known = this.#entries.get(id)?.member;
    if (member === undefined) {
      this.#entries.delete(id);
      return { difference: known && { member: known, came: false }, isGap };
    }
    this.#entries.set(id, { member, version });
    return { difference: known === undefined ? { member, came: true, except } : undefined, isGap };
  }

  /** Becomes the snapshot; the differences are what clients have to be told. `undefined`: the copy is newer. */
  replace({ generation, version, entries }: Snapshot): Difference[] | undefined {
    if (!this.#isBehind(generation, version, 0)) return undefined;
    const before = [...this.#entries.values()];
    const went = before.filter(({ member: { id } }) => !entries.has(id) && !this.#isHere(id));
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

  #isBehind(generation: number, version: number, by: number): boolean {
    return generation === this.#generation ? version >= this.#version + by : generation > this.#generation;
  }
}

/** The answer of the snapshot script; members that cannot be read are left out. */
export function snapshotOf(answer: unknown): Snapshot {
  const [generation, version, pairs, quietMs] = answer as [string, string, readonly string[], number];
  const entries = new Map<string, Entry>();
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const text = pairs[at + 1] ?? '';
    const space = text.indexOf(' ');
    const member = decodeMember(text.slice(space + 1));
    if (member !== undefined) entries.set(member.id, { member, version: Number(text.slice(0, space)) });
  }
  return { generation: Number(generation), version: Number(version), entries, quietMs };
}
