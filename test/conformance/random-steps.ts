import type { Step } from './run-steps.ts';
import { ownChannel } from './run-steps.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const CLIENTS = 8;
const PLAIN_NAMES = ['orders', 'private-a', 'private-b', 'presence-a', 'presence-b', 'private-encrypted-a'];
const CACHED_NAMES = ['cache-a', 'private-cache-a'];
const TEXTS = [
  'hello',
  '[]',
  '{"data":{}}',
  '{"event":"pusher:what"}',
  '{"event":"foo","channel":"bar"}',
  '{"event":1}',
];
const INFOS = ['', '', 'user_count', 'subscription_count', 'user_count,subscription_count'];

/** Chooses random steps that are possible after the earlier ones, and tracks the state that this needs. */
export class StepGenerator {
  readonly #random: SeededRandom;
  readonly #plain: readonly string[];
  readonly #cached: readonly string[];
  /** The channels of each connected client, by the number of the client. */
  readonly #channels = new Map<number, Set<string>>();
  /** Cache channels that have been occupied ever since their last event. */
  readonly #occupiedSinceEvent = new Set<string>();
  /** Cache channels with an event at any time. */
  readonly #published = new Set<string>();
  #n = 0;

  /** `tag` ends the name of every channel, so that an earlier run on the same servers does not matter. */
  constructor(seed: number, tag: string) {
    this.#random = new SeededRandom(seed);
    this.#plain = PLAIN_NAMES.map((name) => `${name}-${tag}`);
    this.#cached = CACHED_NAMES.map((name) => `${name}-${tag}`);
  }

  next(): Step {
    this.#n += 1;
    for (;;) {
      const step = this.#draw();
      if (step) {
        this.#track(step);
        return step;
      }
    }
  }

  #pick<T>(list: readonly T[]): T {
    return this.#random.pick(list)!;
  }

  #draw(): Step | undefined {
    const clients = [...this.#channels.keys()];
    const dice = this.#random.next();
    if (clients.length === 0 || (dice < 0.08 && clients.length < CLIENTS)) return this.#connect();
    const client = this.#pick(clients);
    if (dice < 0.12) return { do: dice < 0.1 ? 'drop' : 'close', client };
    if (dice < 0.42) return this.#subscribe(client);
    if (dice < 0.52)
      return {
        do: 'unsubscribe',
        client,
        channel: this.#pick([...this.#plain, ...this.#cached]),
        n: this.#n,
      };
    if (dice < 0.65) return this.#whisper(client);
    if (dice < 0.7) return { do: 'send', client, text: this.#pick(TEXTS) };
    if (dice < 0.82) return this.#publish(clients);
    if (dice < 0.88) return { do: 'batch', channels: this.#some(3), info: this.#pick(INFOS), n: this.#n };
    return this.#get();
  }

  #connect(): Step {
    const free = Array.from({ length: CLIENTS }, (_, client) => client).filter(
      (client) => !this.#channels.has(client),
    );
    return { do: 'connect', client: this.#pick(free) };
  }

  #subscribe(client: number): Step | undefined {
    const channel = this.#pick([...this.#plain, ...this.#cached]);
    const isForged = /^(private|presence)-/.test(channel) && this.#random.is(0.15);
    const isComparable = this.#occupiedSinceEvent.has(channel) === this.#published.has(channel);
    if (this.#cached.includes(channel) && !isForged && !isComparable) return undefined;
    return { do: 'subscribe', client, channel, forged: isForged };
  }

  #whisper(client: number): Step {
    const channels = this.#plain.filter((channel) => !channel.startsWith('private-encrypted-'));
    return { do: 'whisper', client, channel: this.#pick(channels), n: this.#n };
  }

  /** Returns channels for one publish: each once, and a cache channel only while it is occupied. */
  #some(most: number): string[] {
    const occupied = this.#cached.filter((channel) => this.#isOccupied(channel));
    const count = 1 + this.#random.below(most);
    return [...new Set(Array.from({ length: count }, () => this.#pick([...this.#plain, ...occupied])))];
  }

  #publish(clients: readonly number[]): Step {
    const except = this.#random.is(0.5) ? this.#pick(clients) : undefined;
    return { do: 'publish', channels: this.#some(3), except, info: this.#pick(INFOS), n: this.#n };
  }

  #get(): Step {
    const channel = this.#pick(this.#plain);
    const info = this.#pick(INFOS);
    const query = info === '' ? [] : [['info', info] as const];
    const dice = this.#random.next();
    if (dice < 0.3) return { do: 'get', path: '/channels', query };
    if (dice < 0.5)
      return { do: 'get', path: '/channels', query: [...query, ['filter_by_prefix', 'presence-'] as const] };
    if (dice < 0.8) return { do: 'get', path: `/channels/${channel}`, query };
    if (dice < 0.9) return { do: 'get', path: '/connections', query: [] };
    const occupied = this.#plain
      .filter((name) => name.startsWith('presence-'))
      .filter((name) => this.#isOccupied(name));
    const name = occupied.length > 0 ? this.#pick(occupied) : 'orders';
    return {
      do: 'get',
      path: `/channels/${name === 'orders' ? ownChannel([...this.#channels.keys()][0]!) : name}/users`,
      query: [],
    };
  }

  #isOccupied(channel: string): boolean {
    return [...this.#channels.values()].some((channels) => channels.has(channel));
  }

  #track(step: Step): void {
    if (step.do === 'connect') this.#channels.set(step.client, new Set());
    if (step.do === 'drop' || step.do === 'close') this.#channels.delete(step.client);
    if (step.do === 'subscribe' && !step.forged) this.#channels.get(step.client)?.add(step.channel);
    if (step.do === 'unsubscribe') this.#channels.get(step.client)?.delete(step.channel);
    if (step.do === 'publish' || step.do === 'batch') {
      for (const channel of step.channels.filter((name) => this.#cached.includes(name))) {
        this.#occupiedSinceEvent.add(channel);
        this.#published.add(channel);
      }
    }
    for (const channel of this.#occupiedSinceEvent)
      if (!this.#isOccupied(channel)) this.#occupiedSinceEvent.delete(channel);
  }
}
