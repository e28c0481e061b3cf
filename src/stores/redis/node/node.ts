import { randomBytes } from 'node:crypto';
import type { Logger } from '../../../core/ports/logger.ts';
import type { Keys } from '../keys.ts';
import { cleanUpNode, type RemovedMembers } from './node-cleanup.ts';
import type { Installation } from './installation.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';

/** Removed nodes that are remembered, so that each is logged once. */
const MOST_REPORTED = 1000;

export interface ClusterNodeOptions {
  readonly leaseMs: number;
  /** After a loss of data: milliseconds for which no missing member counts as gone. */
  readonly settlingMs: number;
}

interface RemovedNode extends RemovedMembers {
  readonly node: string;
}

/**
 * Membership of this process in the cluster: one incarnation, with a lease in every partition. A node that was suspended for
 * too long is fenced and attaches as a new incarnation; any other node cleans up what the old one held.
 */
export class ClusterNode {
  #id = newId();
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #options: ClusterNodeOptions;
  readonly #logger: Logger;
  readonly #installation: Installation;
  /** Parts of ended nodes that were removed since the last log line. */
  readonly #removed: RemovedNode[] = [];
  /** Ended nodes that were logged. */
  readonly #reportedNodes = new Set<string>();
  #generations: string[] = [];
  /** Per partition: the server process that this node is attached to. */
  #runIds: string[] = [];
  #isAttached = false;
  #attaching: Promise<void> | undefined;
  /** Token of the newest attachment: scripts with another are refused. */
  #token = 0;
  #attachments = 0;
  #isFenced = false;
  #hasLeft = false;
  #isSettling = false;
  #onBeat: (settlingMs: number) => void = () => undefined;
  #onAttached: (settlingMs: number) => void = () => undefined;
  #onRename: () => void = () => undefined;

  constructor(deps: {
    links: Links;
    keys: Keys;
    options: ClusterNodeOptions;
    logger: Logger;
    installation: Installation;
  }) {
    this.#links = deps.links;
    this.#keys = deps.keys;
    this.#options = deps.options;
    this.#logger = deps.logger;
    this.#installation = deps.installation;
  }

  get id(): string {
    return this.#id;
  }

  /** True while the leases are valid and the scripts of this node are accepted. */
  get isAttached(): boolean {
    return this.#isAttached;
  }

  /** True while a part of the data may be lost: until the nodes have written it again, no missing member counts as gone. */
  get isSettling(): boolean {
    return this.#isSettling;
  }

  get token(): number {
    return this.#token;
  }

  generation(partition: number): string {
    return this.#generations[partition] ?? '';
  }

  /** Returns the run id of the server process that this node is attached to, `''` before the first time. */
  runId(partition: number): string {
    return this.#runIds[partition] ?? '';
  }

  /** Calls `listener` after each attachment, with the milliseconds for which no missing member counts as gone. */
  onAttached(listener: (settlingMs: number) => void): void {
    this.#onAttached = listener;
  }

  /** Calls `listener` when names that were in use have changed, before anything is written under the new ones. */
  onRename(listener: () => void): void {
    this.#onRename = listener;
  }

  /** Calls `listener` after each beat that was accepted, with the milliseconds for which no missing member counts as gone. */
  onBeat(listener: (settlingMs: number) => void): void {
    this.#onBeat = listener;
  }

  /** Called when the connection is lost, or when Redis refused this node. */
  detach(): void {
    this.#isAttached = false;
  }

  /**
   * Attaches again after a script refused this node. `FENCED`: another node has cleaned it up, so it needs a new id. `LOST`: the
   * data has another generation. An answer to a script with an older token is ignored.
   */
  onRefused(status: string, token: number): void {
    if (token !== this.#token) return;
    this.detach();
    if (status === 'FENCED') this.#isFenced = true;
    this.attach().catch(() => undefined);
  }

  /** Attaches to every partition; several calls at once are one. Rejects with `Unavailable`. */
  attach(): Promise<void> {
    this.#attaching ??= this.#attach().finally(() => {
      this.#attaching = undefined;
    });
    return this.#attaching;
  }

  /** Renews the leases and cleans up nodes whose lease has ended. True when every partition accepted it. Never rejects. */
  async beat(): Promise<boolean> {
    if (!this.#isAttached) return false;
    const token = this.#token;
    if (await this.#refreshScopes()) {
      this.onRefused('FENCED', token);
      return false;
    }
    const beats = await Promise.allSettled(
      this.#inEachPartition((partition) => this.#renewLease(partition, token)),
    );
    const answers = beats.flatMap((beat) => (beat.status === 'fulfilled' ? [beat.value] : []));
    const statuses = answers.map(({ status }) => status);
    const refusal = ['FENCED', 'LOST'].find((status) => statuses.includes(status));
    if (refusal !== undefined) this.onRefused(refusal, token);
    else if (this.isAttached) {
      const settlingMs = Math.max(0, ...answers.map((answer) => answer.settlingMs));
      this.#isSettling = settlingMs > 0;
      this.#onBeat(settlingMs);
    }
    this.#reportRemovedNodes();
    return refusal === undefined && answers.length === beats.length;
  }

  /** Lets partitions settle for longer than every node needs to notice: until then no missing member counts as gone. Never rejects. */
  async startSettling(partitions: ReadonlySet<number>): Promise<void> {
    const ms = Math.max(this.#options.settlingMs, this.#options.leaseMs / 2);
    await Promise.allSettled(
      [...partitions].map((partition) =>
        runScript(
          this.#links.commands,
          'start-settling',
          [this.#keys.generation(partition)],
          [this.generation(partition), ms],
        ),
      ),
    );
  }

  /** Gives the leases back, so that the other nodes do not wait for their end. */
  async leave(): Promise<void> {
    this.#hasLeft = true;
    // An attachment in progress would come back after the leave.
    await this.#attaching?.catch(() => undefined);
    this.detach();
    await Promise.all(
      this.#inEachPartition((partition) =>
        this.#links.commands.zadd(this.#keys.nodes(partition), 0, this.#id),
      ),
    ).catch(() => undefined);
    await Promise.all(
      this.#inEachPartition((partition) =>
        cleanUpNode({ links: this.#links, keys: this.#keys }, partition, this.#id, 'leave'),
      ),
    ).catch(() => undefined);
  }

  /** Also writes the credentials of this node again, should Redis have lost them. True when names changed by it. */
  async #refreshScopes(): Promise<boolean> {
    const isRenamed = await this.#installation.refreshScopes().catch(() => false);
    if (isRenamed) this.#beginAnew();
    return isRenamed;
  }

  /** The data under the old names is left to be cleaned up as that of a node that ended. */
  #beginAnew(): void {
    this.#isFenced = true;
    this.#onRename();
  }

  async #attach(): Promise<void> {
    if (this.#hasLeft) return;
    if (await this.#installation.resolveScopes()) this.#beginAnew();
    if (this.#isFenced) this.#id = newId();
    const token = ++this.#attachments;
    const before = this.#generations;
    let answers = await this.#attachAll(token);
    const isLost = before.some((generation, partition) => generation !== answers[partition]?.generation);
    if (isLost) {
      // What Redis holds of the old incarnation may be incomplete: it is left to be cleaned up as a whole.
      this.#id = newId();
      this.#generations = answers.map(({ generation }) => generation);
      answers = await this.#attachAll(token);
    }
    this.#generations = answers.map(({ generation }) => generation);
    this.#runIds = answers.map(({ runId }) => runId);
    this.#token = token;
    this.#isFenced = false;
    this.#isAttached = true;
    this.#onAttached(Math.max(...answers.map(({ settlingMs }) => settlingMs)));
  }

  #attachAll(token: number): Promise<{ generation: string; runId: string; settlingMs: number }[]> {
    const { leaseMs, settlingMs } = this.#options;
    return Promise.all(
      this.#inEachPartition(async (partition) => {
        const keys = [this.#keys.generation(partition), this.#keys.nodes(partition)];
        const runId = await this.#links.runIdOf(this.#keys.generation(partition));
        const [generation, left] = (await runScript(this.#links.commands, 'attach', keys, [
          runId,
          this.#id,
          leaseMs,
          this.generation(partition),
          settlingMs,
          token,
        ])) as [string, number];
        return { generation, runId, settlingMs: left };
      }),
    );
  }

  async #renewLease(partition: number, token: number): Promise<{ status: string; settlingMs: number }> {
    const keys = [this.#keys.generation(partition), this.#keys.nodes(partition)];
    const { leaseMs, settlingMs: longestMs } = this.#options;
    const args = [this.generation(partition), this.#id, token, leaseMs, longestMs];
    const answer = await runScript(this.#links.commands, 'renew-lease', keys, args);
    const [status, settlingMs = 0, ...ended] = answer as [string, number?, ...string[]];
    await Promise.all(ended.map((node) => this.#cleanUp(partition, node)));
    return { status, settlingMs };
  }

  async #cleanUp(partition: number, node: string): Promise<void> {
    const removed = await cleanUpNode({ links: this.#links, keys: this.#keys }, partition, node, 'expired');
    if (removed !== undefined) this.#removed.push({ node, ...removed });
  }

  /** Logs each node once, though its partitions are cleaned up one by one, some with a later beat or by another node. */
  #reportRemovedNodes(): void {
    const parts = this.#removed.splice(0);
    for (const node of new Set(parts.map((part) => part.node))) {
      if (this.#reportedNodes.has(node)) continue;
      this.#reportedNodes.add(node);
      if (this.#reportedNodes.size > MOST_REPORTED)
        this.#reportedNodes.delete([...this.#reportedNodes][0] ?? '');
      const own = parts.filter((part) => part.node === node);
      this.#logger.warn(
        'Another node has not renewed its lease for WAVEHALL_LEASE_SECONDS: its members and connections were removed. If it was not stopped on purpose, check that it runs and reaches Redis',
        {
          node,
          members: own.reduce((sum, { members }) => sum + members, 0),
          channels: own.reduce((sum, { channels }) => sum + channels, 0),
        },
      );
    }
  }

  #inEachPartition<T>(task: (partition: number) => Promise<T>): Promise<T>[] {
    return Array.from({ length: this.#keys.partitions }, (_, partition) => task(partition));
  }
}

/** Returns a new id at each start, so that nothing of an earlier incarnation is taken for this one's. */
const newId = (): string => randomBytes(9).toString('base64url');
