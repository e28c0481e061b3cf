import { randomBytes } from 'node:crypto';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Keys } from '../keys.ts';
import { cleanUpNode } from './node-cleanup.ts';
import type { Installation } from './installation.ts';
import type { Links } from '../link/links.ts';
import { run } from '../link/scripts.ts';

/** Nodes of which it is remembered that their end was said. */
const MOST_ENDED = 1000;

export interface NodeOptions {
  readonly leaseMs: number;
  /** After a loss of data, how long nobody may conclude that a member left. */
  readonly quietMs: number;
}

/** What the rest of the store does when the node has come (back) to Redis. */
export interface Returned {
  /** The data is another than before: what others hold has to be told again before it can be read. */
  readonly lost: boolean;
  readonly quietMs: number;
}

/**
 * This process as the cluster knows it: one incarnation with a lease in every partition. A node that was asleep for too
 * long finds itself fenced, and comes back as a new incarnation; what the old one held is buried by anybody.
 */
export class ClusterNode {
  #id = newId();
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #options: NodeOptions;
  readonly #logger: Logger;
  readonly #installation: Installation;
  /** Those whose end was said. */
  readonly #ended = new Set<string>();
  #generations: string[] = [];
  /** Per partition: the server process that this node is attached to. */
  #runIds: string[] = [];
  #attached = false;
  #attaching: Promise<void> | undefined;
  /** Of the newest attachment: Redis obeys no other. */
  #token = 0;
  #attachments = 0;
  #isFenced = false;
  #hasLeft = false;
  #isQuiet = false;
  #onBeat: (quietMs: number) => void = () => undefined;
  #onReturn: (returned: Returned) => void = () => undefined;
  #onRename: () => void = () => undefined;

  constructor(needs: {
    links: Links;
    keys: Keys;
    options: NodeOptions;
    logger: Logger;
    installation: Installation;
  }) {
    this.#links = needs.links;
    this.#keys = needs.keys;
    this.#options = needs.options;
    this.#logger = needs.logger;
    this.#installation = needs.installation;
  }

  get id(): string {
    return this.#id;
  }

  /** True while its leases stand and its scripts are accepted. */
  get isAttached(): boolean {
    return this.#attached;
  }

  /** A part of what nodes have written may be lost: until they have written it again, no member counts as gone. */
  get isQuiet(): boolean {
    return this.#isQuiet;
  }

  get token(): number {
    return this.#token;
  }

  generation(partition: number): string {
    return this.#generations[partition] ?? '';
  }

  /** Names the server process that this node is attached to, `''` before the first time. */
  runId(partition: number): string {
    return this.#runIds[partition] ?? '';
  }

  onReturn(listener: (returned: Returned) => void): void {
    this.#onReturn = listener;
  }

  /** Told when names that were in use have changed, before anything is said under the new ones. */
  onRename(listener: () => void): void {
    this.#onRename = listener;
  }

  /** Told after each beat that went well, with the time for which nobody may conclude that a member left. */
  onBeat(listener: (quietMs: number) => void): void {
    this.#onBeat = listener;
  }

  /** The link is gone, or Redis answered that it does not know this node as it is. */
  detach(): void {
    this.#attached = false;
  }

  /**
   * `FENCED`: somebody has buried this node; it begins anew. `LOST`: the data is another.
   * An answer to what was sent with an older token is no news.
   */
  refused(status: string, token: number): void {
    if (token !== this.#token) return;
    this.detach();
    if (status === 'FENCED') this.#isFenced = true;
    this.attach().catch(() => undefined);
  }

  /** Rejects with `Unavailable`. Several calls at once are one. */
  attach(): Promise<void> {
    this.#attaching ??= this.#attach().finally(() => {
      this.#attaching = undefined;
    });
    return this.#attaching;
  }

  /** Called every few seconds: keeps the leases, buries the dead. True when it went well everywhere. Never rejects. */
  async beat(): Promise<boolean> {
    if (!this.#attached) return false;
    const token = this.#token;
    if (await this.#hasNewNames()) {
      this.refused('FENCED', token);
      return false;
    }
    const beats = await Promise.allSettled(this.#each((partition) => this.#beatOf(partition, token)));
    const answers = beats.flatMap((beat) => (beat.status === 'fulfilled' ? [beat.value] : []));
    const statuses = answers.map(({ status }) => status);
    const refusal = ['FENCED', 'LOST'].find((status) => statuses.includes(status));
    if (refusal !== undefined) this.refused(refusal, token);
    else if (this.isAttached) {
      const quietMs = Math.max(0, ...answers.map((answer) => answer.quietMs));
      this.#isQuiet = quietMs > 0;
      this.#onBeat(quietMs);
    }
    return refusal === undefined && answers.length === beats.length;
  }

  /** For a time nobody may conclude that a member left: longer than it takes every node to notice. Never rejects. */
  async quieten(partitions: ReadonlySet<number>): Promise<void> {
    const ms = Math.max(this.#options.quietMs, this.#options.leaseMs / 2);
    await Promise.allSettled(
      [...partitions].map((partition) =>
        run(
          this.#links.commands,
          'quieten',
          [this.#keys.generation(partition)],
          [this.generation(partition), ms],
        ),
      ),
    );
  }

  /** Gives the leases back, so that nobody has to wait for their end. */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    // One that is under way would come back after the leave.
    await this.#attaching?.catch(() => undefined);
    this.detach();
    await Promise.all(
      this.#each((partition) => this.#links.commands.zadd(this.#keys.nodes(partition), 0, this.#id)),
    ).catch(() => undefined);
    const needs = { links: this.#links, keys: this.#keys };
    await Promise.all(this.#each((partition) => cleanUpNode(needs, partition, this.#id, 'leave'))).catch(
      () => undefined,
    );
  }

  /** Also says again which credentials this node has, should Redis have lost it. */
  async #hasNewNames(): Promise<boolean> {
    const isRenamed = await this.#installation.settle().catch(() => false);
    if (isRenamed) this.#renamed();
    return isRenamed;
  }

  /** What stands under the old names is left to be cleaned up as that of a node that ended. */
  #renamed(): void {
    this.#isFenced = true;
    this.#onRename();
  }

  async #attach(): Promise<void> {
    if (this.#hasLeft) return;
    if (await this.#installation.settle()) this.#renamed();
    if (this.#isFenced) this.#id = newId();
    const token = ++this.#attachments;
    const before = this.#generations;
    let answers = await this.#attachAll(token);
    const lost = before.some((generation, partition) => generation !== answers[partition]?.generation);
    if (lost) {
      // What is said there of the incarnation that ends may be old; it will be buried as a whole.
      this.#id = newId();
      this.#generations = answers.map(({ generation }) => generation);
      answers = await this.#attachAll(token);
    }
    this.#generations = answers.map(({ generation }) => generation);
    this.#runIds = answers.map(({ runId }) => runId);
    this.#token = token;
    this.#isFenced = false;
    this.#attached = true;
    this.#onReturn({ lost, quietMs: Math.max(...answers.map(({ quietMs }) => quietMs)) });
  }

  #attachAll(token: number): Promise<{ generation: string; runId: string; quietMs: number }[]> {
    const { leaseMs, quietMs } = this.#options;
    return Promise.all(
      this.#each(async (partition) => {
        const keys = [this.#keys.generation(partition), this.#keys.nodes(partition)];
        const runId = await this.#links.runIdOf(this.#keys.generation(partition));
        const [generation, left] = (await run(this.#links.commands, 'attach', keys, [
          runId,
          this.#id,
          leaseMs,
          this.generation(partition),
          quietMs,
          token,
        ])) as [string, number];
        return { generation, runId, quietMs: left };
      }),
    );
  }

  async #beatOf(partition: number, token: number): Promise<{ status: string; quietMs: number }> {
    const keys = [this.#keys.generation(partition), this.#keys.nodes(partition)];
    const { leaseMs, quietMs: mostQuietMs } = this.#options;
    const args = [this.generation(partition), this.#id, token, leaseMs, mostQuietMs];
    const [status, quietMs = 0, ...dead] = (await run(this.#links.commands, 'beat', keys, args)) as [
      string,
      number?,
      ...string[],
    ];
    await Promise.all(dead.map((node) => this.#bury(partition, node)));
    return { status, quietMs };
  }

  async #bury(partition: number, node: string): Promise<void> {
    const isDone = await cleanUpNode({ links: this.#links, keys: this.#keys }, partition, node, 'death');
    if (isDone) this.#sayEnd(node);
  }

  /** Its partitions are cleaned up one by one, some later than others; it ended once. */
  #sayEnd(node: string): void {
    if (this.#ended.has(node)) return;
    this.#ended.add(node);
    if (this.#ended.size > MOST_ENDED) this.#ended.delete([...this.#ended][0] ?? '');
    this.#logger.warn('A node that ended was cleaned up: its clients are no longer counted', { node });
  }

  #each<T>(task: (partition: number) => Promise<T>): Promise<T>[] {
    return Array.from({ length: this.#keys.partitions }, (_, partition) => task(partition));
  }
}

/** A new one at each start: nothing of an earlier life is mistaken for this one's. */
const newId = (): string => randomBytes(9).toString('base64url');
