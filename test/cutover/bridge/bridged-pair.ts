import { publisher, type Endpoint } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import type { UpstreamServer, UpstreamKind } from '../upstream.ts';
import { openBridgedNode, type BridgedNode, type BridgedNodeOptions } from './bridged-node.ts';
import { RecordingClient } from './recording-client.ts';

/** A Wavehall node and an upstream with a bridge between them, and clients on both. */
export class BridgedPair {
  readonly upstream: UpstreamServer;
  readonly node: BridgedNode;
  readonly #clients: RecordingClient[] = [];
  #fences = 0;

  private constructor(upstream: UpstreamServer, node: BridgedNode) {
    this.upstream = upstream;
    this.node = node;
  }

  static async open(
    kind: UpstreamKind,
    options: Omit<BridgedNodeOptions, 'upstream'> = {},
  ): Promise<BridgedPair> {
    const upstream = await kind.start();
    const node = await openBridgedNode({ upstream: upstream.url, ...options });
    await eventually(() => node.state.connected, 'the bridge is connected');
    return new BridgedPair(upstream, node);
  }

  /** Connects a client to the node. */
  connectToNode(): Promise<RecordingClient> {
    return this.#connect(this.node.app);
  }

  /** Connects a client to the upstream. */
  connectToUpstream(): Promise<RecordingClient> {
    return this.#connect(this.upstream.app);
  }

  publishAtNode(channel: string, name: string, data: unknown, except?: string): Promise<void> {
    return publish(this.node.app, channel, name, data, except);
  }

  publishAtUpstream(channel: string, name: string, data: unknown, except?: string): Promise<void> {
    return publish(this.upstream.app, channel, name, data, except);
  }

  /** Publishes one more event on each side and waits until each client has received it, and so every event before it. */
  async fence(channel: string, ...clients: RecordingClient[]): Promise<void> {
    const number = (this.#fences += 1);
    const [fromNode, fromUpstream] = [`fence-node-${number}`, `fence-upstream-${number}`];
    await this.publishAtUpstream(channel, fromUpstream, {});
    await this.publishAtNode(channel, fromNode, {});
    for (const name of [fromNode, fromUpstream])
      await eventually(
        () => clients.every((client) => client.received(name, channel).length > 0),
        () =>
          `each client receives ${name}: ${JSON.stringify(clients.map((each) => each.wire.texts.slice(-5)))}`,
      );
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.wire.drop();
    await this.node.stop();
    await this.upstream.stop();
    const { errors } = this.node.logger;
    if (errors.length > 0) throw new Error(`errors: ${JSON.stringify(errors)}`);
  }

  async #connect(app: Endpoint): Promise<RecordingClient> {
    const client = await RecordingClient.connect(app);
    this.#clients.push(client);
    return client;
  }
}

export async function publish(
  app: Endpoint,
  channel: string,
  name: string,
  data: unknown,
  except?: string,
): Promise<void> {
  const body = {
    name,
    channel,
    data: typeof data === 'string' ? data : JSON.stringify(data),
    socket_id: except,
  };
  const answer = await publisher(app).post('/events', body);
  if (answer.status !== 200) throw new Error(`not published: ${answer.status} ${answer.text}`);
}
