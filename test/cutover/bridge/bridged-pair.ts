import { publisher, type Endpoint } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import type { UpstreamServer, UpstreamKind } from '../upstream.ts';
import { openBridgedNode, type BridgedNode, type BridgedNodeOptions } from './bridged-node.ts';
import { RecordingClient } from './recording-client.ts';

/** Both sides with a bridge between them, and people on both. */
export class BridgedPair {
  readonly upstream: UpstreamServer;
  readonly node: BridgedNode;
  readonly #people: RecordingClient[] = [];
  #fences = 0;

  private constructor(other: UpstreamServer, node: BridgedNode) {
    this.upstream = other;
    this.node = node;
  }

  static async open(
    kind: UpstreamKind,
    options: Omit<BridgedNodeOptions, 'upstream'> = {},
  ): Promise<BridgedPair> {
    const other = await kind.start();
    const node = await openBridgedNode({ upstream: other.url, ...options });
    await eventually(() => node.state.connected, 'the bridge is connected');
    return new BridgedPair(other, node);
  }

  here(): Promise<RecordingClient> {
    return this.#connect(this.node.app);
  }

  there(): Promise<RecordingClient> {
    return this.#connect(this.upstream.app);
  }

  publishHere(channel: string, name: string, data: unknown, except?: string): Promise<void> {
    return publish(this.node.app, channel, name, data, except);
  }

  publishThere(channel: string, name: string, data: unknown, except?: string): Promise<void> {
    return publish(this.upstream.app, channel, name, data, except);
  }

  /** Everything that was published on this channel before has arrived with these people, or never will. */
  async fence(channel: string, ...people: RecordingClient[]): Promise<void> {
    const number = (this.#fences += 1);
    const [here, there] = [`fence-here-${number}`, `fence-there-${number}`];
    await this.publishThere(channel, there, {});
    await this.publishHere(channel, here, {});
    for (const name of [here, there])
      await eventually(
        () => people.every((person) => person.received(name, channel).length > 0),
        () => `everybody hears ${name}: ${JSON.stringify(people.map((each) => each.wire.texts.slice(-5)))}`,
      );
  }

  async close(): Promise<void> {
    for (const person of this.#people) person.wire.drop();
    await this.node.stop();
    await this.upstream.stop();
    const { defects } = this.node.logger;
    if (defects.length > 0) throw new Error(`defects: ${JSON.stringify(defects)}`);
  }

  async #connect(app: Endpoint): Promise<RecordingClient> {
    const person = await RecordingClient.connect(app);
    this.#people.push(person);
    return person;
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
