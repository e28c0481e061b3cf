import { Agent } from 'node:http';
import { sleep } from '../../src/core/util/time.ts';
import { APP, appAt } from '../support/app.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { http, signedPath } from '../support/wire-http.ts';
import { NUMBERED_EVENT } from './numbered-client.ts';
import type { Published } from './sequence-checker.ts';

interface PublisherOptions {
  readonly channels: readonly string[];
  /** Average time between two requests for a channel. */
  readonly everyMs: number;
  /** Port of a server, for each request. */
  readonly pickPort: () => number;
  readonly random: SeededRandom;
}

/** The most events of a request. */
const MOST_EVENTS = 8;
/** Part of the requests that have several events. */
const SEVERAL = 0.2;

/** Publishes numbered events: on each channel one request after another, most with one event, some with several. */
export class NumberedPublisher implements Published {
  /** Requests by the status of their answer, or by its error. */
  readonly outcomes = new Map<string, number>();
  /** Events whose request was answered with 200. */
  accepted = 0;
  readonly #options: PublisherOptions;
  /** By channel: when each of its numbers was published. */
  readonly #atMs: ReadonlyMap<string, number[]>;
  readonly #uncertain = new Set<string>();
  readonly #agent = new Agent({ keepAlive: true });
  #running: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#atMs = new Map(options.channels.map((channel) => [channel, []]));
  }

  isUncertain(channel: string, number: number): boolean {
    return this.#uncertain.has(`${number} ${channel}`);
  }

  last(channel: string): number {
    return this.#atMs.get(channel)?.length ?? 0;
  }

  ageMs(channel: string, number: number, nowMs: number): number {
    return nowMs - (this.#atMs.get(channel)?.[number - 1] ?? nowMs);
  }

  get published(): number {
    return [...this.#atMs.values()].reduce((total, { length }) => total + length, 0);
  }

  start(): void {
    this.#running = Promise.all(this.#options.channels.map((channel) => this.#publishAll(channel)));
  }

  /** Sends no more; publishes a last event on each channel, until it is accepted. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    for (const channel of this.#options.channels) while (!(await this.#publish(channel, 1))) await sleep(50);
    this.#agent.destroy();
  }

  async #publishAll(channel: string): Promise<void> {
    const { everyMs, random } = this.#options;
    while (!this.#isStopped) {
      await this.#publish(channel, random.is(SEVERAL) ? 1 + random.below(MOST_EVENTS) : 1);
      await sleep(random.below(2 * everyMs));
    }
  }

  /** True when it was accepted. */
  async #publish(channel: string, count: number): Promise<boolean> {
    const first = this.last(channel) + 1;
    const numbers = Array.from({ length: count }, (_, at) => first + at);
    const nowMs = performance.now();
    this.#atMs.get(channel)?.push(...numbers.map(() => nowMs));
    const batch = numbers.map((n) => ({ name: NUMBERED_EVENT, channel, data: JSON.stringify({ n }) }));
    const outcome = await this.#post(JSON.stringify({ batch })).catch(
      (error: unknown) => (error as Error).message,
    );
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
    if (outcome === '200') this.accepted += count;
    else for (const number of numbers) this.#uncertain.add(`${number} ${channel}`);
    return outcome === '200';
  }

  async #post(body: string): Promise<string> {
    const address = { host: '127.0.0.1', port: this.#options.pickPort() };
    const path = signedPath(appAt(address), 'POST', `/apps/${APP.id}/batch_events`, [], body);
    const headers = { 'Content-Type': 'application/json' };
    const answer = await http(address, { method: 'POST', path, body, headers, agent: this.#agent });
    return answer.status === 200 ? '200' : `${answer.status} ${answer.text.slice(0, 100)}`;
  }
}
