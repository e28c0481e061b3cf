/** A long run of three nodes that are killed, deployed, and lose their Redis, under load (G26). */
import { sleep } from '../../src/core/util/time.ts';
import { Cluster, type TestNode } from '../support/cluster.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { groupBy } from '../support/delivery/delivery-log.ts';
import { eventually } from '../support/wire.ts';
import { ClientLink } from './client-link.ts';
import { NumberedClient } from './numbered-client.ts';
import { NumberedPublisher } from './numbered-publisher.ts';
import { type Promised, type SequenceCounts, totalOf } from './sequence-checker.ts';

export interface LongRunOptions {
  readonly minutes: number;
  /** Seconds between two kills of a node, and between two restarts of Redis. */
  readonly killSeconds: number;
  readonly redisSeconds: number;
  readonly clients: number;
  readonly seed: number;
}

const CHANNELS = [
  'news',
  'chat',
  'private-a',
  'private-b',
  'presence-room',
  'private-cache-c',
  'cache-d',
  'log',
];
/** About 300 events a second in all. */
const EVERY_MS = 25;
/** Every fourth client is a stock one with the id of a tab. */
const TABS = 4;
const PROGRESS_MS = 30_000;
const READY_MS = 60_000;
/** Time for which a killed node, or Redis, is away. */
const AWAY_MS = 2000;
const ENV = {
  // A node of its own needs longer than those of a test: the lease and the timeout of a server by default.
  WAVEHALL_LEASE_SECONDS: '12',
  WAVEHALL_REDIS_TIMEOUT_MS: '1000',
  WAVEHALL_HISTORY_SIZE: '3000',
  WAVEHALL_RESUME_TABS_PER_ADDRESS: '0',
  WAVEHALL_DRAIN_SECONDS: '2',
};

class LongRun {
  readonly #options: LongRunOptions;
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #publisher: NumberedPublisher;
  readonly #clients: NumberedClient[] = [];
  readonly #links: ClientLink[] = [];
  /** When Redis was away. */
  readonly #outages: { readonly fromMs: number; untilMs: number }[] = [];
  readonly #done = { kills: 0, redisRestarts: 0, deploys: 0 };
  readonly #beganMs = performance.now();

  constructor(cluster: Cluster, options: LongRunOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
    const pickPort = this.#pickPort;
    this.#publisher = new NumberedPublisher({
      channels: CHANNELS,
      everyMs: EVERY_MS,
      pickPort,
      random: this.#random,
    });
  }

  async run(): Promise<boolean> {
    await this.#openClients();
    this.#publisher.start();
    const progress = setInterval(() => this.#log('running'), PROGRESS_MS);
    await this.#break();
    this.#log('faults end');
    await this.#cluster.ready(READY_MS);
    await this.#publisher.stop();
    const isUpToDate = (): boolean => this.#clients.every((client) => client.isUpToDate);
    await eventually(isUpToDate, 'all have the last events', READY_MS).catch((error: unknown) =>
      this.#log((error as Error).message),
    );
    clearInterval(progress);
    return this.#report();
  }

  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()));
  }

  readonly #pickPort = (): number => this.#random.pick(this.#cluster.up)?.server.port ?? 1;

  readonly #wasRestarted = (sinceMs: number, untilMs: number): boolean =>
    this.#outages.some((outage) => outage.fromMs <= untilMs && outage.untilMs >= sinceMs);

  async #openClients(): Promise<void> {
    for (let at = 0; at < this.#options.clients; at += 1) {
      const link = await ClientLink.open(this.#pickPort);
      this.#links.push(link);
      const promised: Promised = at % TABS === TABS - 1 ? 'tab' : 'exact';
      const client = new NumberedClient({
        ...{ name: `${promised}-${at}`, promised, port: link.port },
        ...{ published: this.#publisher, wasRestarted: this.#wasRestarted },
      });
      client.subscribe(CHANNELS.filter((_, channel) => (channel + at) % 2 === 0));
      this.#clients.push(client);
    }
    await eventually(
      () => this.#clients.every(({ isSubscribed }) => isSubscribed),
      'all are subscribed',
      READY_MS,
    );
  }

  /** Runs the faults one after another, each when it is due; a rolling deploy in the middle. */
  async #break(): Promise<void> {
    const { minutes, killSeconds, redisSeconds } = this.#options;
    const endMs = minutes * 60_000;
    const due = { kill: killSeconds * 1000, redis: redisSeconds * 1000, deploy: endMs / 2 };
    for (;;) {
      const [next, dueMs] = Object.entries(due).sort(([, one], [, other]) => one - other)[0]!;
      if (dueMs >= endMs) break;
      await sleep(Math.max(0, dueMs - this.#elapsedMs));
      if (next === 'kill') await this.#kill();
      else if (next === 'redis') await this.#restartRedis();
      else await this.#deploy();
      due.kill = next === 'kill' ? dueMs + killSeconds * 1000 : due.kill;
      due.redis = next === 'redis' ? dueMs + redisSeconds * 1000 : due.redis;
      due.deploy = next === 'deploy' ? Infinity : due.deploy;
    }
    await sleep(Math.max(0, endMs - this.#elapsedMs));
  }

  async #kill(): Promise<void> {
    const node = this.#random.pick(this.#cluster.nodes)!;
    await node.kill();
    this.#done.kills += 1;
    this.#log(`node ${node.index} was killed`);
    await sleep(this.#random.below(2 * AWAY_MS));
    await this.#start(node);
  }

  async #restartRedis(): Promise<void> {
    const { redis } = this.#cluster;
    const outage = { fromMs: performance.now(), untilMs: Infinity };
    this.#outages.push(outage);
    await redis.kill(this.#random.is(0.5) ? 'SIGKILL' : 'SIGTERM');
    this.#done.redisRestarts += 1;
    const cutting = Promise.all(this.#links.map((link) => this.#cutSometimes(link)));
    await sleep(this.#random.below(2 * AWAY_MS));
    await redis.restart();
    outage.untilMs = performance.now();
    await cutting;
    this.#log('Redis was restarted');
    await this.#cluster.ready(READY_MS);
  }

  /** Every third client loses its connection, too, and comes back before, while or after Redis does. */
  async #cutSometimes(link: ClientLink): Promise<void> {
    if (!this.#random.is(1 / 3)) return;
    await sleep(this.#random.below(2 * AWAY_MS));
    for (const each of link.connections) each.cut();
  }

  async #deploy(): Promise<void> {
    for (const node of this.#cluster.nodes) {
      node.mayFail = true;
      node.server.kill('SIGTERM');
      await node.server.exited;
      await this.#start(node);
    }
    this.#done.deploys += 1;
    this.#log('every node was deployed');
  }

  async #start(node: TestNode): Promise<void> {
    await node.start();
    await node.ready(READY_MS);
  }

  get #elapsedMs(): number {
    return performance.now() - this.#beganMs;
  }

  #log(what: string): void {
    const { kills, redisRestarts, deploys } = this.#done;
    const minutes = (this.#elapsedMs / 60_000).toFixed(1);
    const received = this.#clients.reduce((sum, client) => sum + client.received, 0);
    console.log(
      `${minutes} min: ${what}; ${this.#publisher.accepted} accepted, ${received} received; ` +
        `${kills} kills, ${redisRestarts} restarts of Redis, ${deploys} deploys`,
    );
  }

  /** Prints what was found; true if nothing is lost, doubled or reordered. */
  #report(): boolean {
    const of = (promised: Promised): SequenceCounts =>
      totalOf(this.#clients.filter((each) => each.promised === promised).map((each) => each.finish()));
    const [exact, tab] = [of('exact'), of('tab')];
    for (const example of this.#clients.flatMap(({ examples }) => examples).slice(0, 200))
      console.log(example);
    console.log(`exact ${JSON.stringify(exact)}\ntab ${JSON.stringify(tab)}`);
    const reasons = [
      ...groupBy(
        this.#clients.flatMap(({ gapReasons }) => gapReasons),
        (each) => each,
      ),
    ];
    console.log(`gaps ${JSON.stringify(reasons.map(([reason, { length }]) => [reason, length]))}`);
    console.log(`answers ${JSON.stringify(Object.fromEntries(this.#publisher.outcomes))}`);
    const isRight = [exact, tab].every(({ lost, doubled, reordered }) => lost + doubled + reordered === 0);
    const { lost, doubled, reordered, gaps, missing } = exact;
    this.#log(
      `${isRight ? 'passed' : 'FAILED'}: exact clients lost ${lost}, doubled ${doubled}, reordered ${reordered}, ` +
        `${gaps} gaps told with ${missing} missing; tabs lost ${tab.lost}, repeated ${tab.repeated}`,
    );
    return isRight;
  }
}

/** Runs it and prints its progress; false if something was lost, doubled or reordered. */
export async function longRun(options: LongRunOptions): Promise<boolean> {
  const redisArgs = ['--appendonly', 'yes', '--appendfsync', 'everysec'];
  const cluster = await Cluster.start({ nodes: 3, env: ENV, redisArgs });
  const run = new LongRun(cluster, options);
  try {
    await cluster.ready();
    return await run.run();
  } finally {
    await run.close();
    await cluster.close();
  }
}
