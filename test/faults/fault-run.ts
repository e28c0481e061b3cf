import { describe, test } from 'vitest';
import { ClusterRecorder, type Expectations } from '../support/cluster-recorder.ts';
import { Cluster, type ClusterOptions, nodeName, type TestNode } from '../support/cluster.ts';
import { CLUSTER_EVENT, ClusterClient } from '../support/cluster-client.ts';
import type { SentEvent } from '../support/delivery/delivery-log.ts';
import { DeliveryScenario } from '../support/delivery/delivery-scenario.ts';
import { ignore } from '../../src/core/util/ignore.ts';
import type { Answer } from '../support/wire-http.ts';
import { sleep } from '../../src/core/util/time.ts';

/** `npm run faults -- --seeds 20` sets these; the message of a failure names its seed. */
const SEEDS = Number(process.env.FAULT_SEEDS ?? 1);
const FIRST_SEED = Number(process.env.FAULT_SEED ?? 1);
const LIMIT_MS = 60_000;

/** For faults that mostly wait; one after another when there are many seeds. */
export const describeConcurrent = SEEDS === 1 ? describe.concurrent : describe;

let names = 0;

/** One run of a fault: a cluster, its clients and publishers, and the recorder that checks what they received. */
export class FaultRun extends DeliveryScenario {
  readonly cluster: Cluster;
  readonly recorder: ClusterRecorder;
  readonly #clients: ClusterClient[] = [];
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

  /** Connects a client to a node and subscribes it; when its socket closes, it reconnects to any node that is up. */
  async connectClient(user: string, node: number, channels: readonly string[]): Promise<ClusterClient> {
    const pick = (): TestNode => this.pick(this.cluster.up);
    const client = new ClusterClient(user, this.node(node), pick, this.recorder);
    this.#clients.push(client);
    return client.connect(channels);
  }

  /** Connects `perNode` users to every node, all subscribed to these channels. */
  async connectClients(perNode: number, channels: readonly string[]): Promise<ClusterClient[]> {
    return Promise.all(
      this.cluster.nodes.flatMap(({ index }) =>
        Array.from({ length: perNode }, (_, at) => this.connectClient(`u${index}x${at}`, index, channels)),
      ),
    );
  }

  /** Publishes one event and records the status of its answer. */
  publish(channel: string, node: TestNode): Promise<SentEvent> {
    const sent = this.sending({ channel, server: nodeName(node) }, (n) => ({ n }));
    return this.post(sent, CLUSTER_EVENT, (body) =>
      this.request(node, 'POST /events', () => node.post('/events', body)),
    );
  }

  /** Sends an API request; records the status and the duration of its answer. */
  async request(node: TestNode, what: string, send: () => Promise<Answer>): Promise<number> {
    const begin = performance.now();
    const { outages } = node;
    const status = await send().then(
      (answer) => answer.status,
      () => 0,
    );
    if (outages === node.outages && !node.mayFail)
      this.recorder.answered(node, what, status, performance.now() - begin);
    return status;
  }

  /** Publishes to all channels every `everyMs`, each event through any node that is up; returns how to stop it. */
  load(channels: readonly string[], everyMs = 10): () => Promise<void> {
    return this.background(async () => {
      await Promise.all(channels.map((channel) => this.publish(channel, this.pick(this.cluster.up))));
      await sleep(everyMs);
    });
  }

  /** Expects every accepted event to arrive, all nodes to agree on the members, and no violation to be recorded. */
  async settled(expected?: Expectations): Promise<void> {
    await this.recorder.settled(expected);
  }

  /** Disconnects all clients and expects nothing of them to remain in Redis. */
  async emptied(withinMs?: number): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await this.recorder.expectNoKeysLeft(withinMs);
  }

  async close(): Promise<void> {
    await this.stopBackground().catch(ignore);
    await Promise.all(this.#clients.map((client) => client.close(true)));
  }
}

/** A cluster that several faults share; after a fault that failed, the next one starts a new cluster. */
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

/** Defines the test of a fault, one per seed. `options`: a shared cluster, or how to start one for this test alone. */
export function fault(
  title: string,
  options: ClusterOptions | SharedCluster,
  scenario: (run: FaultRun) => Promise<void>,
  limitMs = LIMIT_MS,
): void {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
    const name = SEEDS === 1 ? title : `${title} (seed ${seed})`;
    test(name, { timeout: limitMs }, () => runFault(options, seed, scenario));
  }
}

async function runFault(
  options: ClusterOptions | SharedCluster,
  seed: number,
  scenario: (run: FaultRun) => Promise<void>,
): Promise<void> {
  const shared = options instanceof SharedCluster ? options : new SharedCluster(options);
  const cluster = await shared.take();
  const run = new FaultRun(cluster, seed);
  let isFine = false;
  try {
    await scenario(run);
    isFine = true;
  } catch (error) {
    const outputs = cluster.nodes.map(
      ({ index, server }) => `node ${index}: …${server.output().slice(-400)}`,
    );
    const message = `${(error as Error).message}\nFAULT_SEED=${seed} repeats it.\n${outputs.join('\n')}`;
    // The stack of the original error shows the failing step.
    (error as Error).message = message;
    throw error;
  } finally {
    cluster.heal();
    await run.close();
    if (!isFine || shared !== options) await shared.close();
  }
}

/** Prints measurements of a fault. */
export function report(fault: string, values: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(values).map(([name, value]) => `${name} ${value}`);
  console.log(`${fault}: ${text.join(', ')}`);
}
