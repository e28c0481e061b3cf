import { publisher, type Endpoint } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import type { OtherSide, OtherSideKind } from '../other-side.ts';
import { openNode, type BridgedNode, type NodeOptions } from './node.ts';
import { Person } from './person.ts';

/** Both sides with a bridge between them, and people on both. */
export class Stage {
  readonly other: OtherSide;
  readonly node: BridgedNode;
  readonly #people: Person[] = [];
  #fences = 0;

  private constructor(other: OtherSide, node: BridgedNode) {
    this.other = other;
    this.node = node;
  }

  static async open(kind: OtherSideKind, options: Omit<NodeOptions, 'upstream'> = {}): Promise<Stage> {
    const other = await kind.start();
    const node = await openNode({ upstream: other.url, ...options });
    await eventually(() => node.state.connected, 'the bridge is connected');
    return new Stage(other, node);
  }

  here(): Promise<Person> {
    return this.#connect(this.node.app);
  }

  there(): Promise<Person> {
    return this.#connect(this.other.app);
  }

  publishHere(channel: string, name: string, data: unknown, except?: string): Promise<void> {
    return publish(this.node.app, channel, name, data, except);
  }

  publishThere(channel: string, name: string, data: unknown, except?: string): Promise<void> {
    return publish(this.other.app, channel, name, data, except);
  }

  /** Everything that was published on this channel before has arrived with these people, or never will. */
  async fence(channel: string, ...people: Person[]): Promise<void> {
    const number = (this.#fences += 1);
    const [here, there] = [`fence-here-${number}`, `fence-there-${number}`];
    await this.publishThere(channel, there, {});
    await this.publishHere(channel, here, {});
    for (const name of [here, there])
      await eventually(
        () => people.every((person) => person.heard(name, channel).length > 0),
        () => `everybody hears ${name}: ${JSON.stringify(people.map((each) => each.wire.texts.slice(-5)))}`,
      );
  }

  async close(): Promise<void> {
    for (const person of this.#people) person.wire.drop();
    await this.node.stop();
    await this.other.stop();
    const { defects } = this.node.logger;
    if (defects.length > 0) throw new Error(`defects: ${JSON.stringify(defects)}`);
  }

  async #connect(app: Endpoint): Promise<Person> {
    const person = await Person.connect(app);
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
