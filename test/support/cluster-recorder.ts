import { APP } from './app.ts';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { check, unsettled, type CheckOptions } from './delivery/delivery-checker.ts';
import type { DeliveryLog, SentEvent } from './delivery/delivery-log.ts';
import { reportedRoster } from './delivery/delivery-scenario.ts';
import { type Cluster, nodeName, type TestNode } from './cluster.ts';
import type { ClusterSubscription, ClusterClient, ClientObserver } from './cluster-client.ts';
import type { RedisClient } from './redis-topology.ts';
import { eventually } from './wire.ts';

/** Time that a loaded machine may add to an answer. */
const BUSY_MS = 550;

export interface Expectations {
  /** Joins and leaves of a user beyond those of its sockets that are allowed, because its node missed its lease. */
  readonly extraMemberChanges?: (user: string) => number;
  /** Time limit for all nodes and clients to have the same members. */
  readonly withinMs?: number;
  /** True for an event that may be lost by a fault, according to the docs. */
  readonly mayBeLost?: (sent: SentEvent) => boolean;
}

/**
 * Records what the clients of a cluster send and receive, and compares it, after every fault, with what Redis, every node
 * and every client report. The delivery checker finds violations of I1 to I6; this class adds those that only a cluster
 * has: keys that remain (I7), logged errors (I8) and the answers of the API (I9).
 */
export class ClusterRecorder implements ClientObserver {
  readonly #cluster: Cluster;
  readonly #log: DeliveryLog;
  readonly #keys: Keys;
  readonly #subscriptions: ClusterSubscription[] = [];
  readonly #violations: string[] = [];
  /** Sockets per channel and user, and the number of times that a user joined or left by them. */
  readonly #sockets = new Map<string, Map<string, number>>();
  readonly #memberChanges = new Map<string, number>();
  #answers = { longestMs: 0, answers: 0, refusals: 0, unknown: 0 };

  constructor(cluster: Cluster, log: DeliveryLog) {
    this.#cluster = cluster;
    this.#log = log;
    const app = { id: APP.id, credentials: [APP] } as const;
    this.#keys = new Keys('wavehall:', cluster.partitions, 0, firstScopes([app]));
  }

  // --- recording ---------------------------------------------------------------------------

  opened(subscription: ClusterSubscription): void {
    this.#subscriptions.push(subscription);
    this.#log.subscriptions.push(subscription);
    this.#count(subscription, 1);
  }

  closed(subscription: ClusterSubscription): void {
    this.#count(subscription, -1);
  }

  reportViolation(what: string): void {
    if (this.#violations.length < 50) this.#violations.push(what);
  }

  /** Records an answer of the API and checks its status and duration (I9). */
  answered(node: TestNode, what: string, status: number, tookMs: number): void {
    this.#answers.longestMs = Math.max(this.#answers.longestMs, tookMs);
    if (status === 200) this.#answers.answers += 1;
    else if (status === 503) this.#answers.refusals += 1;
    else if (status === 504) this.#answers.unknown += 1;
    else this.reportViolation(`I9 ${what} on node ${node.index} was answered with ${status || 'nothing'}`);
    // The limit applies with and without Redis.
    if (tookMs > this.#cluster.redisTimeoutMs * 1.25 + BUSY_MS)
      this.reportViolation(`I9 ${what} on node ${node.index} took ${Math.round(tookMs)} ms`);
  }

  /** Number of answers with 200, 503 and 504 (the event may have been delivered), and the longest duration of one. */
  get answers(): Readonly<{ longestMs: number; answers: number; refusals: number; unknown: number }> {
    return this.#answers;
  }

  accepted(channel?: string): SentEvent[] {
    return this.#log.sent.filter(
      (each) => each.status === 200 && (channel === undefined || each.channel === channel),
    );
  }

  /** Events that have not been answered yet. */
  inFlight(channel: string): SentEvent[] {
    return this.#log.sent.filter((each) => each.endedMs === Infinity && each.channel === channel);
  }

  /** Accepted events that a client did not receive although it was subscribed before and still is. */
  missed(): SentEvent[] {
    const open = this.#open.map(({ channel, sinceMs, received }) => ({
      ...{ channel, sinceMs, numbers: new Set(received.map(({ number }) => number)) },
    }));
    return this.accepted().filter((each) =>
      open.some(
        ({ channel, sinceMs, numbers }) =>
          channel === each.channel && each.beganMs > sinceMs && !numbers.has(each.number),
      ),
    );
  }

  /** Numbers of the events that the clients of one node received. */
  receivedOn(node: TestNode, channel: string): number[] {
    return this.#subscriptions
      .filter((each) => each.node === node && each.channel === channel)
      .flatMap(({ received }) => received.map(({ number }) => number));
  }

  // --- checks ----------------------------------------------------------------------------

  /** Waits until all events are received and all reports agree, then checks for lasting violations. */
  async settled(expected: Expectations = {}): Promise<void> {
    const { withinMs = 10_000, mayBeLost = () => false, extraMemberChanges = () => 0 } = expected;
    const options: CheckOptions = {
      settleMs: Infinity,
      onceOverAllSockets: false,
      mayBeLost,
      commonOrder: (sent) => !mayBeLost(sent),
      mostMemberChanges: (channel, user) =>
        (this.#memberChanges.get(`${channel} ${user}`) ?? 0) + extraMemberChanges(user),
    };
    let problems: readonly string[] = ['nothing was compared'];
    let violations: readonly string[] = [];
    await eventually(
      async () => {
        await this.#readReports();
        problems = unsettled(this.#log, options);
        if (problems.length === 0) violations = check(this.#log, options).examples;
        return problems.length === 0;
      },
      () => problems.slice(0, 12).join('\n'),
      withinMs,
    );
    violations = [...this.#violations, ...violations, ...this.#loggedErrors()];
    if (violations.length > 0) throw new Error(violations.slice(0, 20).join('\n'));
  }

  /** Expects, after the last client has left, that Redis holds only keys that expire (I7). */
  async expectNoKeysLeft(withinMs = 10_000): Promise<void> {
    let left: string[] = [];
    // The count of connections leaves out those of expired nodes, and removes them.
    await this.#cluster.up[0]?.get('/connections');
    await this.#cluster.topology.run((redis, servers) =>
      eventually(
        async () => {
          left = [];
          const keys = await Promise.all(servers.map((server) => server.keys('*')));
          for (const key of keys.flat()) {
            // `scopes` has one entry for each credential of an app; it is removed when no node has used it for long.
            const isPermanent = /^wavehall:0:\{p\d+\}:(g|nodes|scopes)$/.test(key);
            const mayExpire =
              /^wavehall:0:\{p\d+\}:([hplx]|[hl][xb]):/.test(key) && (await redis.ttl(key)) > 0;
            if (!isPermanent && !mayExpire) left.push(key);
          }
          return left.length === 0;
        },
        () => `I7 Redis keeps ${left.join(', ')}`,
        withinMs,
      ),
    );
  }

  /** Users on a channel according to the open sockets of all clients. */
  expectedUsers(channel: string): string[] {
    return [...(this.#sockets.get(channel)?.keys() ?? [])].sort();
  }

  // --- internals ----------------------------------------------------------------------------------

  #count({ channel, owner: { user } }: ClusterSubscription, change: 1 | -1): void {
    const users = this.#sockets.get(channel) ?? new Map<string, number>();
    this.#sockets.set(channel, users);
    const sockets = (users.get(user) ?? 0) + change;
    if (sockets > 0) users.set(user, sockets);
    else users.delete(user);
    const isMemberChange = change === 1 ? sockets === 1 : sockets === 0;
    const key = `${channel} ${user}`;
    if (isMemberChange) this.#memberChanges.set(key, (this.#memberChanges.get(key) ?? 0) + 1);
  }

  get #open(): ClusterSubscription[] {
    return this.#subscriptions.filter(({ untilMs, sinceMs }) => untilMs === Infinity && sinceMs !== Infinity);
  }

  /** Errors in the logs of the nodes (I8). */
  #loggedErrors(): string[] {
    return this.#cluster.up.flatMap(({ index, server }) =>
      /"level":50|"level":60|uncaught|unhandled/i.test(server.output())
        ? [`I8 node ${index} logged an error:\n${server.output().slice(-1500)}`]
        : [],
    );
  }

  /** Reads members and counts from Redis and from every node (I5). */
  async #readReports(): Promise<void> {
    this.#log.rosters.length = 0;
    this.#log.counts.length = 0;
    await this.#cluster.topology.run(async (redis) => {
      await this.#readConnections();
      for (const channel of this.#sockets.keys()) {
        const sockets = this.#open.filter((each) => each.channel === channel).length;
        await this.#readRedis(redis, channel, sockets);
        for (const node of this.#cluster.up) await this.#readNode(node, channel, sockets > 0);
      }
    });
  }

  async #readConnections(): Promise<void> {
    const clients = new Set<ClusterClient>(this.#subscriptions.map(({ owner }) => owner));
    const expected = [...clients].filter(({ isConnected }) => isConnected).length;
    const reports = this.#cluster.up.map(async (node) => {
      const answer = await node.get('/connections').catch(() => undefined);
      const value = (answer?.json as { connections?: number } | undefined)?.connections;
      this.#log.counts.push({ what: `connections on ${nodeName(node)}`, value, expected });
    });
    await Promise.all(reports);
  }

  async #readRedis(redis: RedisClient, channel: string, expected: number): Promise<void> {
    const { counts, members } = this.#keys.channel({ app: APP.id, channel });
    const [subscriptions, users] = await Promise.all([redis.hvals(counts), redis.hkeys(members)]);
    this.#log.counts.push({
      what: `subscriptions of ${channel} in Redis`,
      value: sum(subscriptions),
      expected,
    });
    if (isPresence(channel)) this.#log.rosters.push({ by: 'Redis', channel, users });
  }

  async #readNode(node: TestNode, channel: string, expected: boolean): Promise<void> {
    const answer = await node.get(`/channels/${channel}`).catch(() => undefined);
    const value = (answer?.json as { occupied?: boolean } | undefined)?.occupied;
    this.#log.counts.push({ what: `${channel} is occupied on ${nodeName(node)}`, value, expected });
    if (isPresence(channel))
      this.#log.rosters.push(await reportedRoster(nodeName(node), node.endpoint, channel));
  }
}

const isPresence = (channel: string): boolean => channel.startsWith('presence-');
const sum = (counts: readonly string[]): number => counts.reduce((total, count) => total + Number(count), 0);
