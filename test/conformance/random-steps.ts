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

/** Draws steps that fit what has happened so far, and remembers just enough to do so. */
export class StepGenerator {
  readonly #random: SeededRandom;
  readonly #plain: readonly string[];
  readonly #cached: readonly string[];
  /** The channels of each connected client. */
  readonly #on = new Map<number, Set<string>>();
  /** Cache channels whose last event was received and that were never empty since; and those with any event at all. */
  readonly #fresh = new Set<string>();
  readonly #ever = new Set<string>();
  #n = 0;

  /** The tag ends the name of every channel, so that nothing is left of an earlier life on the same servers. */
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
        this.#remember(step);
        return step;
      }
    }
  }

  #pick<T>(list: readonly T[]): T {
    return this.#random.pick(list)!;
  }

  #draw(): Step | undefined {
    const clients = [...this.#on.keys()];
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
      (client) => !this.#on.has(client),
    );
    return { do: 'connect', client: this.#pick(free) };
  }

  #subscribe(client: number): Step | undefined {
    const channel = this.#pick([...this.#plain, ...this.#cached]);
    const isForged = /^(private|presence)-/.test(channel) && this.#random.is(0.15);
    const isComparable = this.#fresh.has(channel) === this.#ever.has(channel);
    if (this.#cached.includes(channel) && !isForged && !isComparable) return undefined;
    return { do: 'subscribe', client, channel, forged: isForged };
  }

  #whisper(client: number): Step {
    const channels = this.#plain.filter((channel) => !channel.startsWith('private-encrypted-'));
    return { do: 'whisper', client, channel: this.#pick(channels), n: this.#n };
  }

  /** Channels of one publish: each once, and cache channels only while it has a subscriber. */
  #some(most: number): string[] {
    const heard = this.#cached.filter((channel) => this.#isOccupied(channel));
    const count = 1 + this.#random.below(most);
    return [...new Set(Array.from({ length: count }, () => this.#pick([...this.#plain, ...heard])))];
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
      path: `/channels/${name === 'orders' ? ownChannel([...this.#on.keys()][0]!) : name}/users`,
      query: [],
    };
  }

  #isOccupied(channel: string): boolean {
    return [...this.#on.values()].some((channels) => channels.has(channel));
  }

  #remember(step: Step): void {
    if (step.do === 'connect') this.#on.set(step.client, new Set());
    if (step.do === 'drop' || step.do === 'close') this.#on.delete(step.client);
    if (step.do === 'subscribe' && !step.forged) this.#on.get(step.client)?.add(step.channel);
    if (step.do === 'unsubscribe') this.#on.get(step.client)?.delete(step.channel);
    if (step.do === 'publish' || step.do === 'batch') {
      for (const channel of step.channels.filter((name) => this.#cached.includes(name))) {
        this.#fresh.add(channel);
        this.#ever.add(channel);
      }
    }
    for (const channel of this.#fresh) if (!this.#isOccupied(channel)) this.#fresh.delete(channel);
  }
}
