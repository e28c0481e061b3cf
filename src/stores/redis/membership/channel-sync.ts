import type { Member } from '#protocol';
import type { ChannelRef } from '../../../core/ports/cluster.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import { encodeMember } from '../events/message-codec.ts';
import type { ChannelKeys, Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from '../node/node.ts';
import { run } from '../link/scripts.ts';

interface Here {
  readonly member: Member;
  /** Socket that must not be told of it. */
  readonly except: string;
}

/**
 * Brings Redis to what this node holds of one channel. Level-triggered: it remembers what is desired and what Redis is
 * known to have, one script is under way at a time, and after an unknown outcome everything is said again.
 */
export class ChannelSync {
  readonly ref: ChannelRef;
  readonly #links: Links;
  readonly #names: Keys;
  readonly #node: ClusterNode;
  #sockets = 0;
  readonly #users = new Map<string, Here>();
  #known = new Set<string>();
  #isKnown = false;
  /** How often everything was doubted: an answer to what was asked before a doubt is no knowledge. */
  #doubts = 0;
  #dirty = false;
  /** Redis has lost a part of it: users are counted anew with the next assertion. */
  #isDamaged = false;
  /** Users whose coming to the cluster was this node's doing, until that was taken note of. */
  readonly #brought = new Set<string>();
  #flight: Promise<void> | undefined;

  constructor(ref: ChannelRef, needs: { links: Links; keys: Keys; node: ClusterNode }) {
    this.ref = ref;
    this.#links = needs.links;
    this.#names = needs.keys;
    this.#node = needs.node;
  }

  get keys(): ChannelKeys {
    return this.#names.channel(this.ref);
  }

  /** Nothing is held and Redis knows it: there is nothing to remember. */
  get isOver(): boolean {
    return this.#sockets === 0 && this.#users.size === 0 && !this.#dirty && this.#flight === undefined;
  }

  /** Redis is behind, and nobody is telling it. */
  get isBehind(): boolean {
    return this.#dirty && this.#flight === undefined;
  }

  /** The socket by which a user of this node came. `undefined`: the user is not here. */
  socketOf(id: string): string | undefined {
    return this.#users.get(id)?.except;
  }

  /** True once for each time that this node brought the user to the cluster. */
  tookBringing(id: string): boolean {
    return this.#brought.delete(id);
  }

  members(): Iterable<Member> {
    return [...this.#users.values()].map(({ member }) => member);
  }

  desire(sockets: number, came?: Here, went?: string): void {
    this.#sockets = sockets;
    if (came !== undefined) this.#users.set(came.member.id, came);
    if (went !== undefined) {
      this.#users.delete(went);
      this.#brought.delete(went);
    }
    this.#dirty = true;
  }

  /** What Redis has is unknown from now on. */
  doubt(): void {
    this.#doubts += 1;
    this.#isKnown = false;
    this.#dirty = true;
  }

  /** Redis has lost a part of what it was told. */
  damaged(): void {
    this.#isDamaged = true;
    this.doubt();
  }

  /** False when Redis has lost a part of what it acknowledged. What is being told anyway counts as whole. */
  async verify(): Promise<boolean> {
    if (!this.#isKnown || this.#sockets === 0) return true;
    const known = this.#known;
    const { counts, nodesPerUser, members, version, partition } = this.keys;
    const { id } = this.#node;
    const names = [this.#names.index(partition, id), counts, this.keys.usersOf(id), nodesPerUser, members];
    const answer = await run(
      this.#links.commands,
      'verify',
      [...names, version, this.#names.occupied(partition, this.ref.app)],
      [id, this.keys.row, this.ref.channel, known.size, ...known],
    );
    return answer === 1 || !this.#isKnown || this.#known !== known;
  }

  /** Resolves when Redis has what is desired now; rejects with `Unavailable` when that is unknown. */
  async push(): Promise<void> {
    while (this.#dirty || this.#flight !== undefined) {
      this.#flight ??= this.#assert().finally(() => {
        this.#flight = undefined;
      });
      await this.#flight;
    }
  }

  async #assert(): Promise<void> {
    const said = new Map(this.#users);
    const doubts = this.#doubts;
    const { token } = this.#node;
    const args = this.#scriptArguments(said, token);
    const wasDamaged = this.#isDamaged;
    this.#dirty = false;
    this.#isKnown = false;
    try {
      const answer = await run(this.#links.commands, 'assert', this.#scriptKeys(), args);
      const [status, , brought = []] = answer as [string, unknown?, (readonly string[])?];
      if (status !== 'OK') {
        this.#node.refused(status, token);
        throw new Unavailable(`Redis does not know this node as it is: ${status}`);
      }
      for (const id of brought) if (this.#users.has(id)) this.#brought.add(id);
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
    if (doubts !== this.#doubts) return;
    if (wasDamaged) this.#isDamaged = false;
    this.#known = new Set(said.keys());
    this.#isKnown = true;
  }

  /** After an unknown outcome everything is said; else what has changed. */
  #scriptArguments(said: ReadonlyMap<string, Here>, token: number): (string | number)[] {
    const full = !this.#isKnown;
    const came = [...said.values()].filter(({ member }) => full || !this.#known.has(member.id));
    const went = full ? [] : [...this.#known].filter((id) => !said.has(id));
    return [
      this.#node.generation(this.keys.partition),
      this.#node.id,
      token,
      this.keys.row,
      this.ref.channel,
      this.#sockets,
      this.#links.publishCommand,
      this.keys.bus,
      this.#isDamaged ? 2 : full ? 1 : 0,
      came.length,
      ...came.flatMap(({ member, except }) => [member.id, encodeMember(member), except]),
      went.length,
      ...went,
    ];
  }

  #scriptKeys(): string[] {
    const { partition, counts, nodesPerUser, members, version } = this.keys;
    const node = this.#node.id;
    return [
      this.#names.generation(partition),
      this.#names.nodes(partition),
      this.#names.index(partition, node),
      counts,
      this.keys.usersOf(node),
      nodesPerUser,
      members,
      version,
      this.#names.occupied(partition, this.ref.app),
    ];
  }
}
