import { APP } from './app.ts';
import { firstScopes } from '../../src/stores/redis/node/installation.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { circleIn, repeatedIn } from './checker-order.ts';
import { type Cluster, type TestNode } from './cluster.ts';
import type { Stay, ClusterClient, ClientObserver } from './cluster-client.ts';
import type { RedisClient } from './redis-topology.ts';
import { eventually } from './wire.ts';

/** One request that published one event. */
export interface Publish {
  readonly channel: string;
  readonly number: number;
  readonly node: TestNode;
  readonly beganMs: number;
  endedMs: number;
  /** 0: no answer at all. */
  status: number;
}

/** Time that a busy machine adds to an answer. */
const BUSY_MS = 550;

export interface Expectations {
  /** How often a user may seem to have come or gone beyond what he did: his node was taken for dead. */
  readonly flaps?: (user: string) => number;
  /** How long presence may take to agree. */
  readonly withinMs?: number;
  /** Events that a fault may lose by what is documented: their numbers. */
  readonly mayBeLost?: (publish: Publish) => boolean;
}

/**
 * The invariants that hold whatever happens (I1 to I9), checked the same way after every fault. It knows what was
 * published and answered, every socket of every visitor, and asks Redis, every node and every client for their view.
 */
export class ClusterChecker implements ClientObserver {
  readonly #cluster: Cluster;
  readonly #keys: Keys;
  readonly #publishes: Publish[] = [];
  readonly #stays: Stay[] = [];
  readonly #complaints: string[] = [];
  /** Sockets per channel and user, and how often a user came or went. */
  readonly #sockets = new Map<string, Map<string, number>>();
  readonly #edges = new Map<string, number>();
  #asked = { longestMs: 0, answers: 0, refusals: 0, unknown: 0 };

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const app = { id: APP.id, credentials: [APP] } as const;
    this.#keys = new Keys('wavehall:', cluster.partitions, 0, firstScopes([app]));
  }

  // --- what happened ---------------------------------------------------------------------------

  opened(stay: Stay): void {
    this.#stays.push(stay);
    this.#count(stay, 1);
  }

  closed(stay: Stay): void {
    this.#count(stay, -1);
  }

  complain(what: string): void {
    if (this.#complaints.length < 50) this.#complaints.push(what);
  }

  published(publish: Publish): void {
    this.#publishes.push(publish);
  }

  /** I9: any answer of the API. */
  answered(node: TestNode, what: string, status: number, tookMs: number): void {
    this.#asked.longestMs = Math.max(this.#asked.longestMs, tookMs);
    if (status === 200) this.#asked.answers += 1;
    else if (status === 503) this.#asked.refusals += 1;
    else if (status === 504) this.#asked.unknown += 1;
    else this.complain(`I9 ${what} on node ${node.index} was answered with ${status || 'nothing'}`);
    // Redis there or not.
    if (tookMs > this.#cluster.redisTimeoutMs * 1.25 + BUSY_MS)
      this.complain(`I9 ${what} on node ${node.index} took ${Math.round(tookMs)} ms`);
  }

  /** Answers with 200, 503 and 504 (it may have been delivered), and the longest time that one took. */
  get figures(): Readonly<{ longestMs: number; answers: number; refusals: number; unknown: number }> {
    return this.#asked;
  }

  accepted(channel?: string): Publish[] {
    return this.#publishes.filter(
      (each) => each.status === 200 && (channel === undefined || each.channel === channel),
    );
  }

  /** Events that have not been answered yet. */
  underway(channel: string): Publish[] {
    return this.#publishes.filter((each) => each.endedMs === 0 && each.channel === channel);
  }

  /** Accepted events that some client that was there, and still is, never got. */
  missed(): Publish[] {
    return this.accepted().filter((each) =>
      this.#open.some(
        ({ channel, sinceMs = Infinity, seen }) =>
          channel === each.channel && each.beganMs > sinceMs && !seen.includes(each.number),
      ),
    );
  }

  /** Events that reached the clients of one node. */
  seenOn(node: TestNode, channel: string): number[] {
    return this.#stays
      .filter((stay) => stay.node === node && stay.channel === channel)
      .flatMap(({ seen }) => seen);
  }

  // --- what must be ----------------------------------------------------------------------------

  /** Waits until everything has arrived and everybody agrees, then checks all that may never be otherwise. */
  async settled(expected: Expectations = {}): Promise<void> {
    const { withinMs = 10_000 } = expected;
    let problems: string[] = ['nothing was looked at'];
    await eventually(
      async () => {
        problems = [...this.#lost(expected), ...(await this.#disagreements())];
        return problems.length === 0;
      },
      () => problems.slice(0, 12).join('\n'),
      withinMs,
    );
    const wrong = [
      ...this.#complaints,
      ...this.#disorder(expected),
      ...this.#invented(),
      ...this.#refusedAndDelivered(),
      ...this.#flaps(expected),
      ...this.#deaths(),
    ];
    if (wrong.length > 0) throw new Error(wrong.slice(0, 20).join('\n'));
  }

  /** I7: nobody is there any more, and Redis holds nothing that has no end. */
  async nothingLeft(withinMs = 10_000): Promise<void> {
    let left: string[] = [];
    // Whoever asks for connections is not told those of dead nodes, and strikes them off.
    await this.#cluster.up[0]?.get('/connections');
    await this.#cluster.ground.ask((redis, servers) =>
      eventually(
        async () => {
          left = [];
          const keys = await Promise.all(servers.map((server) => server.keys('*')));
          for (const key of keys.flat()) {
            // One row for each credential of an app, forgotten when no node has named it for long.
            const isOfTheHouse = /^wavehall:0:\{p\d+\}:(g|nodes|scopes)$/.test(key);
            const mayExpire =
              /^wavehall:0:\{p\d+\}:([hplx]|[hl][xb]):/.test(key) && (await redis.ttl(key)) > 0;
            if (!isOfTheHouse && !mayExpire) left.push(key);
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

  #count({ channel, visitor: { user } }: Stay, change: 1 | -1): void {
    const users = this.#sockets.get(channel) ?? new Map<string, number>();
    this.#sockets.set(channel, users);
    const sockets = (users.get(user) ?? 0) + change;
    if (sockets > 0) users.set(user, sockets);
    else users.delete(user);
    const isEdge = change === 1 ? sockets === 1 : sockets === 0;
    const key = `${channel} ${user}`;
    if (isEdge) this.#edges.set(key, (this.#edges.get(key) ?? 0) + 1);
  }

  get #open(): Stay[] {
    return this.#stays.filter(({ isOver, sinceMs }) => !isOver && sinceMs !== undefined);
  }

  /** I1: who was on the channel before an accepted event was sent, and still is, has it. */
  #lost({ mayBeLost = () => false }: Expectations): string[] {
    const lost: string[] = [];
    for (const stay of this.#open) {
      const seen = new Set(stay.seen);
      const missing = this.accepted(stay.channel).filter(
        (each) => each.beganMs > (stay.sinceMs ?? Infinity) && !seen.has(each.number) && !mayBeLost(each),
      );
      if (missing.length > 0) {
        const numbers = missing.map(({ number }) => number);
        const who = `${stay.visitor.user} on node ${stay.node.index}`;
        lost.push(`I1 ${who} misses ${numbers.length} of ${stay.channel}: ${numbers.slice(0, 8).join()}`);
      }
    }
    return lost;
  }

  /** I2, I3. Whoever publishes one after another has an order as well, but for what may never become known. */
  #disorder({ mayBeLost = () => false }: Expectations): string[] {
    const wrong: string[] = [];
    const channels = new Set(this.#stays.map(({ channel }) => channel));
    for (const channel of channels) {
      const stays = this.#stays.filter((stay) => stay.channel === channel);
      for (const { seen, visitor } of stays) {
        const twice = repeatedIn(seen);
        if (twice.length > 0) wrong.push(`I3 ${visitor.user} got twice on ${channel}: ${twice.join()}`);
      }
      const lasting = this.accepted(channel).filter((each) => !mayBeLost(each));
      const circle = circleIn([...lanesOf(lasting), ...stays.map(({ seen }) => seen)]);
      if (circle.length > 0)
        wrong.push(`I2 no order fits what was seen on ${channel}: ${circle.slice(0, 12).join()}`);
    }
    return wrong;
  }

  /** I4: an event belongs to its channel, and somebody published it. */
  #invented(): string[] {
    const channelOf = new Map(this.#publishes.map(({ number, channel }) => [number, channel]));
    return this.#stays.flatMap(({ seen, channel, visitor }) =>
      seen
        .filter((number) => channelOf.get(number) !== channel)
        .map((number) => `I4 ${visitor.user} got ${number} on ${channel}, where nobody published it`),
    );
  }

  /** I4: what was answered 503 reaches nobody, however late. */
  #refusedAndDelivered(): string[] {
    const refused = new Set(this.#publishes.flatMap((each) => (each.status === 503 ? [each.number] : [])));
    return this.#stays.flatMap(({ seen, channel, visitor }) =>
      seen
        .filter((number) => refused.has(number))
        .map((number) => `I4 ${visitor.user} got ${number} on ${channel}, which was answered 503`),
    );
  }

  /** I6: nobody is said to have come or gone more often than he did. */
  #flaps({ flaps = () => 0 }: Expectations): string[] {
    return this.#stays.flatMap(({ news, channel, visitor }) =>
      [...news].flatMap(([user, told]) => {
        const real = this.#edges.get(`${channel} ${user}`) ?? 0;
        if (told <= real + flaps(user)) return [];
        return [`I6 ${visitor.user} was told ${told} times that ${user} came or went: it was ${real} times`];
      }),
    );
  }

  /** I8. */
  #deaths(): string[] {
    return this.#cluster.up.flatMap(({ index, server }) =>
      /"level":50|"level":60|uncaught|unhandled/i.test(server.output())
        ? [`I8 node ${index} met a defect:\n${server.output().slice(-1500)}`]
        : [],
    );
  }

  /** I5: the sockets that are open, Redis, every node and every client say the same. */
  async #disagreements(): Promise<string[]> {
    const channels = [...this.#sockets.keys()];
    return this.#cluster.ground.ask(async (redis) => {
      const wrong = await this.#connections();
      for (const channel of channels) {
        const sockets = this.#open.filter((stay) => stay.channel === channel);
        wrong.push(...(await this.#channelIn(redis, channel, sockets.length)));
        for (const node of this.#cluster.up)
          wrong.push(...(await this.#channelOn(node, channel, sockets.length)));
        wrong.push(...sockets.flatMap((stay) => this.#channelOf(stay)));
      }
      return wrong;
    });
  }

  async #connections(): Promise<string[]> {
    const visitors = new Set<ClusterClient>(this.#stays.map(({ visitor }) => visitor));
    const open = [...visitors].filter(({ isConnected }) => isConnected).length;
    const told = await Promise.all(
      this.#cluster.up.map(async (node) => {
        const answer = await node.get('/connections').catch(() => undefined);
        const connections = (answer?.json as { connections?: number } | undefined)?.connections;
        return differ(`connections on node ${node.index}`, connections, open);
      }),
    );
    return told.flat();
  }

  async #channelIn(redis: RedisClient, channel: string, sockets: number): Promise<string[]> {
    const { counts, members } = this.#keys.channel({ app: APP.id, channel });
    const [subscriptions, users] = await Promise.all([redis.hvals(counts), redis.hkeys(members)]);
    return [
      ...differ(`subscriptions of ${channel} in Redis`, sum(subscriptions), sockets),
      ...(isPresence(channel)
        ? differ(`users of ${channel} in Redis`, users.sort().join(), this.truth(channel).join())
        : []),
    ];
  }

  async #channelOn(node: TestNode, channel: string, sockets: number): Promise<string[]> {
    const presence = isPresence(channel);
    const info = presence ? 'user_count' : 'subscription_count';
    const answer = await node.get(`/channels/${channel}`).catch(() => undefined);
    const isOccupied = (answer?.json as { occupied?: boolean } | undefined)?.occupied;
    const wrong = differ(`${channel} is occupied, says node ${node.index}`, isOccupied, sockets > 0);
    if (!presence) return wrong;
    const listed = await node.get(`/channels/${channel}/users`).catch(() => undefined);
    const users = (listed?.json as { users?: { id: string }[] } | undefined)?.users?.map(({ id }) => id);
    const truth = this.truth(channel).join();
    return [...wrong, ...differ(`${info} of ${channel} on node ${node.index}`, users?.sort().join(), truth)];
  }

  #channelOf({ members, channel, visitor, node }: Stay): string[] {
    if (members === undefined) return [];
    const who = `users of ${channel} for ${visitor.user} on node ${node.index}`;
    return differ(who, [...members].sort().join(), this.truth(channel).join());
  }
}

/** Events one of which was answered before the next was sent: that much of an order there is between requests. */
function lanesOf(publishes: readonly Publish[]): number[][] {
  const lanes: { numbers: number[]; endedMs: number }[] = [];
  for (const { number, beganMs, endedMs } of publishes) {
    let lane = lanes.find((each) => each.endedMs <= beganMs);
    if (lane === undefined) lanes.push((lane = { numbers: [], endedMs }));
    lane.numbers.push(number);
    lane.endedMs = endedMs;
  }
  return lanes.map(({ numbers }) => numbers);
}

const isPresence = (channel: string): boolean => channel.startsWith('presence-');
const sum = (counts: readonly string[]): number => counts.reduce((total, count) => total + Number(count), 0);
const differ = (what: string, is: unknown, truth: unknown): string[] =>
  is === truth ? [] : [`I5 ${what}: ${String(is)}, but it is ${String(truth)}`];
