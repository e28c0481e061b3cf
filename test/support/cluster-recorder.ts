import { APP } from './app.ts';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { check, unsettled, type CheckOptions } from './delivery/delivery-checker.ts';
import type { DeliveryLog, SentEvent } from './delivery/delivery-log.ts';
import { rosterClaim } from './delivery/delivery-scenario.ts';
import { type Cluster, nodeName, type TestNode } from './cluster.ts';
import type { ClusterSubscription, ClusterClient, ClientObserver } from './cluster-client.ts';
import type { RedisClient } from './redis-topology.ts';
import { eventually } from './wire.ts';

/** Time that a busy machine adds to an answer. */
const BUSY_MS = 550;

export interface Expectations {
  /** Joins and leaves of a user that may be received beyond those of its sockets: its node was taken for dead. */
  readonly flaps?: (user: string) => number;
  /** How long presence may take to agree. */
  readonly withinMs?: number;
  /** True for an event that a fault may lose, by what is documented. */
  readonly mayBeLost?: (sent: SentEvent) => boolean;
}

/**
 * Records what the clients of a cluster send and receive, and compares it, after every fault, with what Redis, every node
 * and every client report. The delivery checker finds what is wrong (I1 to I6); this class adds what only a cluster has:
 * keys that remain (I7), log lines of errors (I8) and the answers of the API (I9).
 */
export class ClusterRecorder implements ClientObserver {
  readonly #cluster: Cluster;
  readonly #log: DeliveryLog;
  readonly #keys: Keys;
  readonly #subscriptions: ClusterSubscription[] = [];
  readonly #complaints: string[] = [];
  /** Sockets per channel and user, and the number of times that a user joined or left by them. */
  readonly #sockets = new Map<string, Map<string, number>>();
  readonly #edges = new Map<string, number>();
  #answers = { longestMs: 0, answers: 0, refusals: 0, unknown: 0 };

  constructor(cluster: Cluster, log: DeliveryLog) {
    this.#cluster = cluster;
    this.#log = log;
    const app = { id: APP.id, credentials: [APP] } as const;
    this.#keys = new Keys('wavehall:', cluster.partitions, 0, firstScopes([app]));
  }

  // --- what happened ---------------------------------------------------------------------------

  opened(subscription: ClusterSubscription): void {
    this.#subscriptions.push(subscription);
    this.#log.subscriptions.push(subscription);
    this.#count(subscription, 1);
  }

  closed(subscription: ClusterSubscription): void {
    this.#count(subscription, -1);
  }

  complain(what: string): void {
    if (this.#complaints.length < 50) this.#complaints.push(what);
  }

  /** I9: any answer of the API. */
  answered(node: TestNode, what: string, status: number, tookMs: number): void {
    this.#answers.longestMs = Math.max(this.#answers.longestMs, tookMs);
    if (status === 200) this.#answers.answers += 1;
    else if (status === 503) this.#answers.refusals += 1;
    else if (status === 504) this.#answers.unknown += 1;
    else this.complain(`I9 ${what} on node ${node.index} was answered with ${status || 'nothing'}`);
    // Redis there or not.
    if (tookMs > this.#cluster.redisTimeoutMs * 1.25 + BUSY_MS)
      this.complain(`I9 ${what} on node ${node.index} took ${Math.round(tookMs)} ms`);
  }

  /** Answers with 200, 503 and 504 (it may have been delivered), and the longest time that one took. */
  get answers(): Readonly<{ longestMs: number; answers: number; refusals: number; unknown: number }> {
    return this.#answers;
  }

  accepted(channel?: string): SentEvent[] {
    return this.#log.sent.filter(
      (each) => each.status === 200 && (channel === undefined || each.channel === channel),
    );
  }

  /** Events that have not been answered yet. */
  underway(channel: string): SentEvent[] {
    return this.#log.sent.filter((each) => each.endedMs === Infinity && each.channel === channel);
  }

  /** Accepted events that some client that was there, and still is, never received. */
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

  /** Events that reached the clients of one node. */
  receivedOn(node: TestNode, channel: string): number[] {
    return this.#subscriptions
      .filter((each) => each.node === node && each.channel === channel)
      .flatMap(({ received }) => received.map(({ number }) => number));
  }

  // --- what must be ----------------------------------------------------------------------------

  /** Waits until everything has arrived and all agree, then checks all that may never be otherwise. */
  async settled(expected: Expectations = {}): Promise<void> {
    const { withinMs = 10_000, mayBeLost = () => false, flaps = () => 0 } = expected;
    const options: CheckOptions = {
      settleMs: Infinity,
      onceOverAllSockets: false,
      mayBeLost,
      commonOrder: (sent) => !mayBeLost(sent),
      mostMemberChanges: (channel, user) => (this.#edges.get(`${channel} ${user}`) ?? 0) + flaps(user),
    };
    let problems: readonly string[] = ['nothing was compared'];
    let wrong: readonly string[] = [];
    await eventually(
      async () => {
        await this.#readReports();
        problems = unsettled(this.#log, options);
        if (problems.length === 0) wrong = check(this.#log, options).examples;
        return problems.length === 0;
      },
      () => problems.slice(0, 12).join('\n'),
      withinMs,
    );
    wrong = [...this.#complaints, ...wrong, ...this.#loggedErrors()];
    if (wrong.length > 0) throw new Error(wrong.slice(0, 20).join('\n'));
  }

  /** I7: no client is left, and Redis holds nothing that has no end. */
  async nothingLeft(withinMs = 10_000): Promise<void> {
    let left: string[] = [];
    // A request for the connections skips those of dead nodes, and removes them.
    await this.#cluster.up[0]?.get('/connections');
    await this.#cluster.ground.ask((redis, servers) =>
      eventually(
        async () => {
          left = [];
          const keys = await Promise.all(servers.map((server) => server.keys('*')));
          for (const key of keys.flat()) {
            // One row for each credential of an app, forgotten when no node has named it for long.
            const isOfTheServer = /^wavehall:0:\{p\d+\}:(g|nodes|scopes)$/.test(key);
            const mayExpire =
              /^wavehall:0:\{p\d+\}:([hplx]|[hl][xb]):/.test(key) && (await redis.ttl(key)) > 0;
            if (!isOfTheServer && !mayExpire) left.push(key);
          }
          return left.length === 0;
        },
        () => `I7 Redis keeps ${left.join(', ')}`,
        withinMs,
      ),
    );
  }

  /** Users on a channel, by the sockets of all clients. */
  truth(channel: string): string[] {
    return [...(this.#sockets.get(channel)?.keys() ?? [])].sort();
  }

  // --- within ----------------------------------------------------------------------------------

  #count({ channel, owner: { user } }: ClusterSubscription, change: 1 | -1): void {
    const users = this.#sockets.get(channel) ?? new Map<string, number>();
    this.#sockets.set(channel, users);
    const sockets = (users.get(user) ?? 0) + change;
    if (sockets > 0) users.set(user, sockets);
    else users.delete(user);
    const isEdge = change === 1 ? sockets === 1 : sockets === 0;
    const key = `${channel} ${user}`;
    if (isEdge) this.#edges.set(key, (this.#edges.get(key) ?? 0) + 1);
  }

  get #open(): ClusterSubscription[] {
    return this.#subscriptions.filter(({ untilMs, sinceMs }) => untilMs === Infinity && sinceMs !== Infinity);
  }

  /** I8. */
  #loggedErrors(): string[] {
    return this.#cluster.up.flatMap(({ index, server }) =>
      /"level":50|"level":60|uncaught|unhandled/i.test(server.output())
        ? [`I8 node ${index} logged an error:\n${server.output().slice(-1500)}`]
        : [],
    );
  }

  /** I5: asks Redis and every node for the members and the numbers that they have. */
  async #readReports(): Promise<void> {
    this.#log.rosters.length = 0;
    this.#log.counts.length = 0;
    await this.#cluster.ground.ask(async (redis) => {
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
    const truth = [...clients].filter(({ isConnected }) => isConnected).length;
    const reports = this.#cluster.up.map(async (node) => {
      const answer = await node.get('/connections').catch(() => undefined);
      const value = (answer?.json as { connections?: number } | undefined)?.connections;
      this.#log.counts.push({ what: `connections on ${nodeName(node)}`, value, truth });
    });
    await Promise.all(reports);
  }

  async #readRedis(redis: RedisClient, channel: string, truth: number): Promise<void> {
    const { counts, members } = this.#keys.channel({ app: APP.id, channel });
    const [subscriptions, users] = await Promise.all([redis.hvals(counts), redis.hkeys(members)]);
    this.#log.counts.push({ what: `subscriptions of ${channel} in Redis`, value: sum(subscriptions), truth });
    if (isPresence(channel)) this.#log.rosters.push({ by: 'Redis', channel, users });
  }

  async #readNode(node: TestNode, channel: string, truth: boolean): Promise<void> {
    const answer = await node.get(`/channels/${channel}`).catch(() => undefined);
    const value = (answer?.json as { occupied?: boolean } | undefined)?.occupied;
    this.#log.counts.push({ what: `${channel} is occupied on ${nodeName(node)}`, value, truth });
    if (isPresence(channel))
      this.#log.rosters.push(await rosterClaim(nodeName(node), node.endpoint, channel));
  }
}

const isPresence = (channel: string): boolean => channel.startsWith('presence-');
const sum = (counts: readonly string[]): number => counts.reduce((total, count) => total + Number(count), 0);
