import { randomBytes } from 'node:crypto';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import { lettersOf, shareOf } from './transition-sink.ts';

const TICK_MS = 50;
/** Time for which a node owns a partition without renewing that. */
const OWNER_MS = 12_000;
const BUSY_POLL_MS = 100;
const IDLE_POLL_MS = 250;
/** Polls of a partition that another node owns, in the time for which that owns it. */
const UNOWNED_POLLS = 4;
/** Part of that time after which a node that was not seen does not deliver. */
const CANDIDATE_PART = 5 / 6;
const MOVED_PER_CALL = 200;

/** A partition as this node sees it. */
export class PartitionState {
  readonly partition: number;
  renewedMs = Number.NEGATIVE_INFINITY;
  nextPollMs = 0;
  /** Events that were ever dropped, as this node read it last; `undefined` before it did. */
  dropped: number | undefined;
  polling: Promise<void> | undefined;
  isTrying = false;
  /** No node owned it at the last look. Only such a partition is tried for: tries for others would use up the share. */
  isFree = true;
  /** Endpoints for which there may be something new. */
  readonly news = new Set<string>();
  /** By endpoint: where to continue to take over what other nodes did not finish. */
  readonly takeOver = new Map<string, string>();
  /** Entries that were given out here and are not finished: endpoint, space, id in the stream. */
  readonly taken = new Set<string>();

  readonly #ownerMs: number;

  constructor(partition: number, ownerMs: number) {
    this.partition = partition;
    this.#ownerMs = ownerMs;
  }

  get isOwned(): boolean {
    return performance.now() - this.renewedMs < this.#ownerMs;
  }
}

interface OwnedPartitionsDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly wishes: WebhookWishes;
  readonly ownerMs?: number | undefined;
}

/**
 * Decides which node delivers the events of a partition: one at a time, which renews that by each poll. Nodes share the partitions
 * evenly. The polls also move what is due to the stream.
 */
export class OwnedPartitions {
  readonly #deps: OwnedPartitionsDeps;
  readonly #id = randomBytes(9).toString('base64url');
  readonly #ownerMs: number;
  readonly #states: readonly PartitionState[];
  #candidates = 1;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  #onNews: () => void = () => undefined;

  constructor(deps: OwnedPartitionsDeps) {
    this.#deps = deps;
    this.#ownerMs = deps.ownerMs ?? OWNER_MS;
    const { partitions } = deps.keys;
    this.#states = Array.from({ length: partitions }, (_, at) => new PartitionState(at, this.#ownerMs));
  }

  /** Names this process among the nodes that deliver. */
  get id(): string {
    return this.#id;
  }

  /** Events that were dropped, as far as this node was the one to notice. */
  get dropped(): number {
    return this.#dropped;
  }

  onNews(listener: () => void): void {
    this.#onNews = listener;
  }

  state(partition: number): PartitionState | undefined {
    return this.#states[partition];
  }

  /** Partitions of this node that may have something for the endpoint. */
  withNews(endpoint: string): PartitionState[] {
    return this.#states.filter(
      (state) => state.isOwned && (state.news.has(endpoint) || state.takeOver.has(endpoint)),
    );
  }

  /** Resolves when every partition was asked once, so that nothing is missed from then on. Never rejects. */
  async start(): Promise<void> {
    await Promise.all(this.#states.map((state) => this.#poll(state)));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Gives the partitions back, so that other nodes do not wait. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await Promise.all(this.#states.flatMap(({ polling }) => polling ?? []));
    await Promise.allSettled(this.#states.map((state) => this.#leave(state)));
  }

  /** Notes that the stream of a partition has something new; what another node owns, that node finds with its next poll. */
  wake(partition: number): void {
    const state = this.#states[partition];
    if (state?.isOwned !== true || this.#isStopped) return;
    for (const endpoint of this.#deps.wishes.endpoints) state.news.add(endpoint);
    this.#onNews();
  }

  #tick(): void {
    const now = performance.now();
    if (!this.#deps.links.isUp) return;
    for (const state of this.#states) if (state.nextPollMs <= now) void this.#poll(state);
  }

  #poll(state: PartitionState): Promise<void> {
    state.polling ??= this.#pollOnce(state).finally(() => {
      state.polling = undefined;
    });
    return state.polling;
  }

  async #pollOnce(state: PartitionState): Promise<void> {
    const sentMs = performance.now();
    state.nextPollMs = sentMs + BUSY_POLL_MS;
    if (this.#isStopped) return;
    try {
      if (this.#isSurplus(state)) await this.#leave(state);
      else this.#onAnswer(state, sentMs, await this.#ask(state));
    } catch {
      // The next tick tries again.
    } finally {
      state.isTrying = false;
    }
  }

  async #ask(state: PartitionState): Promise<PollAnswer> {
    state.isTrying = state.isOwned || (state.isFree && this.#held() < this.#share);
    return this.#run(state, state.isTrying ? 'own' : 'watch');
  }

  #onAnswer(state: PartitionState, sentMs: number, answer: PollAnswer): void {
    const [owner, candidates, dropped, dueMs, ...news] = answer;
    const wasOwned = state.isOwned;
    this.#candidates = Math.max(1, candidates);
    if (owner === this.#id) this.#dropped += growthOf(state.dropped, dropped);
    state.dropped = dropped;
    state.renewedMs = owner === this.#id ? sentMs : Number.NEGATIVE_INFINITY;
    const wasFree = state.isFree;
    state.isFree = owner === '';
    if (owner !== this.#id) {
      state.nextPollMs = state.isFree && !wasFree ? sentMs : sentMs + this.#ownerMs / UNOWNED_POLLS;
      return;
    }
    for (const endpoint of news) state.news.add(endpoint);
    if (!wasOwned) for (const endpoint of this.#deps.wishes.endpoints) state.takeOver.set(endpoint, '0-0');
    const pauseMs = news.length > 0 || dueMs >= 0 ? BUSY_POLL_MS : IDLE_POLL_MS;
    state.nextPollMs = sentMs + (dueMs >= 0 ? Math.min(dueMs + 1, pauseMs) : pauseMs);
    if (news.length > 0 || !wasOwned) this.#onNews();
  }

  /** Only what has nothing on its way goes to another node: that one would deliver it a second time. */
  #isSurplus(state: PartitionState): boolean {
    return state.isOwned && state.taken.size === 0 && this.#held() > this.#share;
  }

  async #leave(state: PartitionState): Promise<void> {
    state.renewedMs = Number.NEGATIVE_INFINITY;
    state.nextPollMs = performance.now() + this.#ownerMs / UNOWNED_POLLS;
    await this.#run(state, 'leave');
  }

  #held(): number {
    return this.#states.filter((state) => state.isOwned || state.isTrying).length;
  }

  get #share(): number {
    return Math.ceil(this.#states.length / this.#candidates);
  }

  async #run({ partition }: PartitionState, task: 'own' | 'watch' | 'leave'): Promise<PollAnswer> {
    const { links, keys, wishes } = this.#deps;
    const { stream, waiting, attempts, owner, candidates, dead, registry } = keys.outbox(partition);
    const names = [stream, waiting, attempts, owner, candidates, dead, registry, keys.generation(partition)];
    const answer = await runScript(links.commands, 'poll-outbox', names, [
      ...[
        this.#id,
        task,
        this.#ownerMs,
        keys.scopeOf(''),
        this.#registryEntry(),
        keys.channelPrefix(partition),
      ],
      shareOf(wishes.maxWaiting, keys.partitions),
      ...[MOVED_PER_CALL, wishes.deadTtlMs, this.#ownerMs * CANDIDATE_PART, ...wishes.endpoints],
    ]);
    return answer as PollAnswer;
  }

  /** The wishes as `clean-up-node.lua` reads them. */
  #registryEntry(): string {
    const { keys, wishes } = this.#deps;
    const apps = [...wishes.apps].map(([app, each]) => [keys.scopedApp(app), lettersOf(each)] as const);
    return JSON.stringify({
      smoothingMs: wishes.smoothingMs,
      most: shareOf(wishes.maxWaiting, keys.partitions),
      apps: Object.fromEntries(apps),
    });
  }
}

/** A smaller number is that of a Redis which has lost its data. */
const growthOf = (before: number | undefined, now: number): number =>
  before === undefined ? 0 : now < before ? now : now - before;

type PollAnswer = [owner: string, candidates: number, dropped: number, dueMs: number, ...news: string[]];
