import type { Member } from '#protocol';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import { encodeMember } from '../events/message-codec.ts';
import type { ChannelKeys, Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import type { ClusterNode } from '../node/node.ts';
import type { ChannelTransitions, TransitionSink } from '../outbox/transition-sink.ts';
import { runScript } from '../link/scripts.ts';
import { type HeldState, type Incarnation, ToldState } from './told-state.ts';

interface LocalMember {
  readonly member: Member;
  /** The user's first socket, which does not receive its own member_added. */
  readonly except: string;
}

/** Answer of `sync-channel.lua`. */
type SyncAnswer = [status: string, changes?: readonly string[], settlingMs?: number, hasNews?: string];

export interface ChannelSyncDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly node: ClusterNode;
  /** `undefined`: no app has webhooks. */
  readonly transitions?: TransitionSink | undefined;
}

/**
 * Brings Redis to what this node holds of one channel. Level-triggered: it keeps the desired state and the state that Redis has
 * acknowledged, runs one script at a time, and after an unknown outcome sends everything again.
 */
export class ChannelSync {
  readonly ref: ChannelRef;
  readonly #links: Links;
  readonly #allKeys: Keys;
  readonly #node: ClusterNode;
  /** `undefined`: webhooks tell nothing of the channel. */
  readonly #transitions: ChannelTransitions | undefined;
  #sockets = 0;
  readonly #users = new Map<string, LocalMember>();
  /** Users that Redis has acknowledged; valid while `#isInSync`. */
  #sentUsers = new Set<string>();
  #isInSync = false;
  /** With `#transitions`. */
  readonly #told: ToldState | undefined;
  /** Number of `invalidate` calls: an answer to a script that was sent before one proves nothing. */
  #invalidations = 0;
  #dirty = false;
  /** Redis has lost a part of the channel's keys: users are counted anew with the next script. */
  #isDamaged = false;
  /** Users that this node added to the cluster, and whose join has not been delivered here yet. */
  readonly #added = new Set<string>();
  #inFlight: Promise<void> | undefined;

  constructor(ref: ChannelRef, deps: ChannelSyncDeps) {
    this.ref = ref;
    this.#links = deps.links;
    this.#allKeys = deps.keys;
    this.#node = deps.node;
    this.#transitions = deps.transitions?.of(ref);
    this.#told = this.#transitions && new ToldState(this.#transitions.smoothingMs);
  }

  get keys(): ChannelKeys {
    return this.#allKeys.channel(this.ref);
  }

  /** True when this node holds nothing of the channel and Redis has acknowledged that: the object can be dropped. */
  get isDone(): boolean {
    return this.#hasEnded && this.#told?.isEnding !== true;
  }

  /** True when only an end that waits to be told keeps the object. */
  get isEnding(): boolean {
    return this.#hasEnded && this.#told?.isEnding === true;
  }

  get #hasEnded(): boolean {
    return this.#sockets === 0 && this.#users.size === 0 && !this.#dirty && this.#inFlight === undefined;
  }

  /** True when Redis is out of date and no script is on its way. */
  get hasUnsent(): boolean {
    return this.#dirty && this.#inFlight === undefined;
  }

  /** Returns the socket of a local user that joined first, `undefined` when the user is not on this node. */
  socketOf(id: string): string | undefined {
    return this.#users.get(id)?.except;
  }

  /** True once for each time that this node added the user to the cluster. */
  consumeAdded(id: string): boolean {
    return this.#added.delete(id);
  }

  members(): Iterable<Member> {
    return [...this.#users.values()].map(({ member }) => member);
  }

  setDesired(sockets: number, joined?: LocalMember, left?: string): void {
    this.#sockets = sockets;
    if (joined !== undefined) this.#users.set(joined.member.id, joined);
    if (left !== undefined) {
      this.#users.delete(left);
      this.#added.delete(left);
    }
    this.#dirty = true;
  }

  /** Makes the next script send everything: the state of Redis is unknown from now on. */
  invalidate(): void {
    this.#invalidations += 1;
    this.#isInSync = false;
    this.#dirty = true;
  }

  /** As `invalidate`, when Redis has lost a part of what it acknowledged. */
  invalidateDamaged(): void {
    this.#isDamaged = true;
    this.invalidate();
  }

  /** False when Redis has lost a part of what it acknowledged. True while a script is on its way. */
  async verify(): Promise<boolean> {
    if (!this.#isInSync || this.#sockets === 0) return true;
    const sent = this.#sentUsers;
    const { counts, nodesPerUser, members, version, partition } = this.keys;
    const { id } = this.#node;
    const names = [this.#allKeys.index(partition, id), counts, this.keys.usersOf(id), nodesPerUser, members];
    const answer = await runScript(
      this.#links.commands,
      'verify-channel',
      [...names, version, this.#allKeys.occupied(partition, this.ref.app)],
      [id, this.keys.channelKey, this.ref.channel, sent.size, ...sent],
    );
    return answer === 1 || !this.#isInSync || this.#sentUsers !== sent;
  }

  /** Resolves when Redis has the desired state; rejects with `Unavailable` when that is unknown. */
  async push(): Promise<void> {
    while (this.#dirty || this.#inFlight !== undefined) {
      this.#inFlight ??= this.#send().finally(() => {
        this.#inFlight = undefined;
      });
      await this.#inFlight;
    }
  }

  async #send(): Promise<void> {
    const users = new Map(this.#users);
    const invalidations = this.#invalidations;
    const { token } = this.#node;
    const args = this.#scriptArguments(users, token);
    const noteTold = this.#prepareToNoteTold(users);
    const wasDamaged = this.#isDamaged;
    this.#dirty = false;
    this.#isInSync = false;
    try {
      const answer = await runScript(this.#links.commands, 'sync-channel', this.#scriptKeys(), args);
      const [status, changes = [], settlingMs = 0, hasNews] = answer as SyncAnswer;
      if (status !== 'OK') {
        this.#node.onRefused(status, token);
        throw new Unavailable(`Redis refused this node: ${status}`);
      }
      noteTold?.(settlingMs);
      this.#noteAdded(changes);
      if (hasNews === '1') this.#transitions?.onWritten(this.keys.partition);
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
    if (invalidations !== this.#invalidations) return;
    if (wasDamaged) this.#isDamaged = false;
    this.#sentUsers = new Set(users.keys());
    this.#isInSync = true;
  }

  /** `changes`: transitions as `sync-channel.lua` returns them; `+id` is a user that this node added to the cluster. */
  #noteAdded(changes: readonly string[]): void {
    for (const change of changes) {
      if (!change.startsWith('+')) continue;
      const id = change.slice(1);
      if (this.#users.has(id)) this.#added.add(id);
    }
  }

  /** After an unknown outcome sends all users; otherwise those that changed. */
  #scriptArguments(users: ReadonlyMap<string, LocalMember>, token: number): (string | number)[] {
    const full = !this.#isInSync;
    const joined = [...users.values()].filter(({ member }) => full || !this.#sentUsers.has(member.id));
    const left = full ? [] : [...this.#sentUsers].filter((id) => !users.has(id));
    return [
      this.#node.generation(this.keys.partition),
      this.#node.id,
      token,
      this.keys.channelKey,
      this.ref.channel,
      this.#sockets,
      this.#links.publishCommand,
      this.keys.pubsubChannel,
      this.#isDamaged ? 2 : full ? 1 : 0,
      joined.length,
      ...joined.flatMap(({ member, except }) => [member.id, encodeMember(member), except]),
      left.length,
      ...left,
      ...this.#webhookArguments(users),
    ];
  }

  #heldState(users: ReadonlyMap<string, LocalMember>): HeldState {
    return { isHeld: this.#sockets > 0, users: new Set(users.keys()) };
  }

  /** Names the incarnation that sends the next script. */
  #incarnation(): Incarnation {
    return { node: this.#node.id, generation: this.#node.generation(this.keys.partition) };
  }

  /** Keeps what is sent now for the moment at which Redis has acknowledged it. */
  #prepareToNoteTold(users: ReadonlyMap<string, LocalMember>): ((settlingMs: number) => void) | undefined {
    const told = this.#told;
    if (told === undefined) return undefined;
    const [state, incarnation] = [this.#heldState(users), this.#incarnation()];
    return (settlingMs) => told.acknowledge(state, incarnation, settlingMs);
  }

  #webhookArguments(users: ReadonlyMap<string, LocalMember>): (string | number)[] {
    if (this.#transitions === undefined || this.#told === undefined) return [''];
    const before = this.#told.send(this.#heldState(users), this.#incarnation(), this.#isDamaged);
    return this.#transitions.arguments(before);
  }

  #scriptKeys(): string[] {
    const { partition, counts, nodesPerUser, members, version } = this.keys;
    const node = this.#node.id;
    return [
      this.#allKeys.generation(partition),
      this.#allKeys.nodes(partition),
      this.#allKeys.index(partition, node),
      counts,
      this.keys.usersOf(node),
      nodesPerUser,
      members,
      version,
      this.#allKeys.occupied(partition, this.ref.app),
      ...(this.#transitions?.keys(partition) ?? []),
    ];
  }
}
