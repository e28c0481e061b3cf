import { describe, test } from 'vitest';
import { ClusterRecorder, type Expectations } from '../support/cluster-recorder.ts';
import { Cluster, type ClusterOptions, nodeName, type TestNode } from '../support/cluster.ts';
import { CLUSTER_EVENT, ClusterClient } from '../support/cluster-client.ts';
import type { SentEvent } from '../support/delivery/delivery-log.ts';
import { DeliveryScenario } from '../support/delivery/delivery-scenario.ts';
import { ignore } from '../../src/core/util/ignore.ts';
import type { Answer } from '../support/wire-http.ts';
import { sleep } from '../../src/core/util/time.ts';

/** `npm run faults -- --seeds 20` sets these; a failure says which seed to take. */
const SEEDS = Number(process.env.FAULT_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.FAULT_SEED ?? 1);
const LIMIT_MS = 60_000;

/** For faults in which most is waiting; with many seeds there would be too many at once. */
export const sideBySide = SEEDS === 1 ? describe.concurrent : describe;

let names = 0;

/** One fault: a cluster, clients, publishers, and the one recorder that compares what all of them see. */
export class FaultRun extends DeliveryScenario {
  readonly cluster: Cluster;
  readonly recorder: ClusterRecorder;
  readonly #visitors: ClusterClient[] = [];
  readonly #suffix = `${(names += 1)}`;

  constructor(cluster: Cluster, seed: number) {
    super(seed);
    this.cluster = cluster;
    this.recorder = new ClusterRecorder(cluster, this.log);
  }

  node(index: number): TestNode {
    return this.cluster.node(index);
  }

  /** A channel name that no other fault uses. */
  name(base: string): string {
    return `${base}-${this.#suffix}`;
  }

  /** Connects a client to a node and its channels; it reconnects to any node that is up. */
  async visitor(user: string, node: number, channels: readonly string[]): Promise<ClusterClient> {
    const pick = (): TestNode => this.pick(this.cluster.up);
    const visitor = new ClusterClient(user, this.node(node), pick, this.recorder);
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

  /** Publishes one event and records how it was answered. */
  publish(channel: string, node: TestNode): Promise<SentEvent> {
    const sent = this.sending({ channel, at: nodeName(node) }, (n) => ({ n }));
    return this.post(sent, CLUSTER_EVENT, (body) =>
      this.ask(node, 'POST /events', () => node.post('/events', body)),
    );
  }

  /** Asks the API; the recorder receives the status and the time of the answer. */
  async ask(node: TestNode, what: string, request: () => Promise<Answer>): Promise<number> {
    const begin = performance.now();
    const { troubles } = node;
    const status = await request().then(
      (answer) => answer.status,
      () => 0,
    );
    if (troubles === node.troubles && !node.mayFail)
      this.recorder.answered(node, what, status, performance.now() - begin);
    return status;
  }

  /** Publishes all the time, one event per channel at once, each through any node that is up. */
  load(channels: readonly string[], everyMs = 10): () => Promise<void> {
    return this.background(async () => {
      await Promise.all(channels.map((channel) => this.publish(channel, this.pick(this.cluster.up))));
      await sleep(everyMs);
    });
  }

  /** Everything has arrived, all agree, and nothing was ever wrong. */
  async settled(expected?: Expectations): Promise<void> {
    await this.recorder.settled(expected);
  }

  /** All clients leave, and nothing may stay behind. */
  async emptied(withinMs?: number): Promise<void> {
    await Promise.all(this.#visitors.map((visitor) => visitor.quit()));
    await this.recorder.nothingLeft(withinMs);
  }

  async close(): Promise<void> {
    await this.stopBackground().catch(ignore);
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
