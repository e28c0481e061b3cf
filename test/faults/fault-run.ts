import { describe, test } from 'vitest';
import { ClusterChecker, type Expectations, type Publish } from '../support/cluster-checker.ts';
import { Cluster, type ClusterOptions, type TestNode } from '../support/cluster.ts';
import { ClusterClient } from '../support/cluster-client.ts';
import type { Answer } from '../support/wire-http.ts';
import { sleep } from '../../src/core/util/time.ts';
import { SeededRandom } from '../support/seeded-random.ts';

/** `npm run faults -- --seeds 20` sets these; a failure says which seed to take. */
const SEEDS = Number(process.env.FAULT_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.FAULT_SEED ?? 1);
const LIMIT_MS = 60_000;

/** For faults in which most is waiting; with many seeds there would be too many at once. */
export const sideBySide = SEEDS === 1 ? describe.concurrent : describe;

let names = 0;
let numbers = 0;

/** Stage of one fault: a cluster, visitors, publishers, and the one checker that watches all of them. */
export class FaultRun {
  readonly cluster: Cluster;
  readonly checker: ClusterChecker;
  readonly random: SeededRandom;
  readonly #visitors: ClusterClient[] = [];
  readonly #ending: (() => Promise<unknown>)[] = [];
  readonly #suffix = `${(names += 1)}`;

  constructor(cluster: Cluster, seed: number) {
    this.cluster = cluster;
    this.checker = new ClusterChecker(cluster);
    this.random = new SeededRandom(seed);
  }

  node(index: number): TestNode {
    return this.cluster.node(index);
  }

  /** A channel name that no other fault uses. */
  name(base: string): string {
    return `${base}-${this.#suffix}`;
  }

  pick<T>(items: readonly T[]): T {
    return this.random.pick(items)!;
  }

  /** Connects a client to a node and its channels; it comes back to any node that is up. */
  async visitor(user: string, node: number, channels: readonly string[]): Promise<ClusterClient> {
    const pick = (): TestNode => this.pick(this.cluster.up);
    const visitor = new ClusterClient(user, this.node(node), pick, this.checker);
    this.#visitors.push(visitor);
    return visitor.arrive(channels);
  }

  /** `perNode` users on every node, all on these channels. */
  async crowd(perNode: number, channels: readonly string[]): Promise<ClusterClient[]> {
    return Promise.all(
      this.cluster.nodes.flatMap(({ index }) =>
        Array.from({ length: perNode }, (_, at) => this.visitor(`u${index}x${at}`, index, channels)),
      ),
    );
  }

  /** Publishes one event and notes how it was answered. */
  async publish(channel: string, node: TestNode): Promise<Publish> {
    numbers += 1;
    const publish = { channel, number: numbers, node, beganMs: performance.now(), endedMs: 0, status: 0 };
    this.checker.published(publish);
    const body = { name: 'counted', channel, data: JSON.stringify({ n: publish.number }) };
    publish.status = await this.ask(node, 'POST /events', () => node.post('/events', body));
    publish.endedMs = performance.now();
    return publish;
  }

  /** Asks the API; whatever it says is looked at by the checker. */
  async ask(node: TestNode, what: string, request: () => Promise<Answer>): Promise<number> {
    const begin = performance.now();
    const { troubles } = node;
    const status = await request().then(
      (answer) => answer.status,
      () => 0,
    );
    if (troubles === node.troubles && !node.mayFail)
      this.checker.answered(node, what, status, performance.now() - begin);
    return status;
  }

  /** Publishes without a pause for breath, one lane per channel, each event through any node that is up. */
  load(channels: readonly string[], everyMs = 10): () => Promise<void> {
    return this.background(async () => {
      await Promise.all(channels.map((channel) => this.publish(channel, this.pick(this.cluster.up))));
      await sleep(everyMs);
    });
  }

  /** Repeats a task until the returned function is called. */
  background(task: () => Promise<unknown>): () => Promise<void> {
    let isOver = false;
    const run = async (): Promise<void> => {
      while (!isOver) await task();
    };
    const running = run();
    running.catch(() => undefined);
    const stop = async (): Promise<void> => {
      isOver = true;
      await running;
    };
    this.#ending.push(() => stop().catch(() => undefined));
    return stop;
  }

  /** All invariants, then everybody leaves, and nothing may stay behind. */
  async settled(expected?: Expectations): Promise<void> {
    await this.checker.settled(expected);
  }

  async emptied(withinMs?: number): Promise<void> {
    await Promise.all(this.#visitors.map((visitor) => visitor.quit()));
    await this.checker.nothingLeft(withinMs);
  }

  async close(): Promise<void> {
    await Promise.all(this.#ending.map((end) => end()));
    await Promise.all(this.#visitors.map((visitor) => visitor.quit(true)));
  }
}

/** A cluster that several faults share: a fault that fails leaves it to nobody. */
export class SharedCluster {
  readonly #options: ClusterOptions;
  #running: Cluster | undefined;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
  }

  async take(): Promise<Cluster> {
    this.#running ??= await Cluster.start(this.#options);
    await this.#running.ready();
    return this.#running;
  }

  async close(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.close();
  }
}

/** One fault, once per seed. `options`: how to start a cluster for this fault alone. */
export function fault(
  title: string,
  options: ClusterOptions | SharedCluster,
  play: (stage: FaultRun) => Promise<void>,
  limitMs = LIMIT_MS,
): void {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const name = SEEDS === 1 ? title : `${title} (seed ${seed})`;
    test(name, { timeout: limitMs }, () => once(options, seed, play));
  }
}

async function once(
  options: ClusterOptions | SharedCluster,
  seed: number,
  play: (stage: FaultRun) => Promise<void>,
): Promise<void> {
  const shared = options instanceof SharedCluster ? options : new SharedCluster(options);
  const cluster = await shared.take();
  const stage = new FaultRun(cluster, seed);
  let isFine = false;
  try {
    await play(stage);
    isFine = true;
  } catch (error) {
    const outputs = cluster.nodes.map(
      ({ index, server }) => `node ${index}: …${server.output().slice(-400)}`,
    );
    const message = `${(error as Error).message}\nFAULT_SEED=${seed} plays it again.\n${outputs.join('\n')}`;
    // The stack says where the fault was being played.
    (error as Error).message = message;
    throw error;
  } finally {
    cluster.heal();
    await stage.close();
    if (!isFine || shared !== options) await shared.close();
  }
}

/** Figures that are worth reading, on the run's output. */
export function report(fault: string, figures: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  console.log(`${fault}: ${text.join(', ')}`);
}
