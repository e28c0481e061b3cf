import { CaseTools } from '../conformance/case-tools.ts';
import type { Endpoint } from '../support/wire-http.ts';
import type { Wire, WireOptions } from '../support/wire.ts';

const CHANNEL = 'markers-between-nodes';

/**
 * Waits until all messages between nodes have arrived: publishes a marker through each node, and waits until a subscriber on
 * each node has received all markers. Earlier events of a node arrive before its marker.
 */
export class MessageBarrier {
  readonly #sites: readonly CaseTools[];
  readonly #subscribers: readonly Wire[];
  #number = 0;

  private constructor(sites: readonly CaseTools[], subscribers: readonly Wire[]) {
    this.#sites = sites;
    this.#subscribers = subscribers;
  }

  static async open(nodes: readonly Endpoint[]): Promise<MessageBarrier> {
    const sites = nodes.map((node) => new CaseTools(node));
    return new MessageBarrier(sites, await Promise.all(sites.map((site) => site.subscriber(CHANNEL))));
  }

  async pass(): Promise<void> {
    const names = this.#sites.map(() => `marker-${(this.#number += 1)}`);
    await Promise.all(this.#sites.map((site, at) => site.publish(names[at]!, '', CHANNEL)));
    for (const subscriber of this.#subscribers) for (const name of names) await subscriber.next(name);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sites.map((site) => site.cleanUp()));
  }
}

/** Case tools for several nodes: a ping and its pong do not show that events of other nodes have arrived, so `settle` waits for markers. */
export class ClusterSite extends CaseTools {
  readonly #markers: MessageBarrier;
  readonly #opened: Wire[] = [];

  constructor(app: Endpoint, markers: MessageBarrier) {
    super(app);
    this.#markers = markers;
  }

  override async open(path: string, options?: WireOptions): Promise<Wire> {
    const wire = await super.open(path, options);
    this.#opened.push(wire);
    const settle = wire.settle.bind(wire);
    wire.settle = async (limitMs) => {
      await this.#arrived();
      return settle(limitMs);
    };
    return wire;
  }

  /** Waits until every node has handled the messages of its clients, and all resulting events have arrived. */
  async #arrived(): Promise<void> {
    await Promise.all(this.#opened.map((wire) => this.#answered(wire)));
    await this.#markers.pass();
  }

  async #answered(wire: Wire): Promise<void> {
    if (wire.ended !== undefined || wire.socketId === '' || wire.socket.readyState !== 1) return;
    wire.send({ event: 'pusher:ping', data: {} });
    await wire.next('pusher:pong').catch(() => undefined);
  }
}
