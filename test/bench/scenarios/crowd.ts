import { publisher } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import { cpuUs } from '../cluster/bench-cluster.ts';
import type { Bench } from '../bench.ts';
import { type Contestant, MEASURES_CPU } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { affinityOf, pin, unpin } from '../machine.ts';
import type { MeasuredServer } from '../rounds.ts';
import type { TurnResult } from '../rows.ts';
import { settledRss } from './memory.ts';

export const CHANNEL = 'bench';
/** Name of the events, which is nowhere else in what a client receives. */
export const EVENT = 'benchmark-event';
/** Clients that connect at the same time. */
const AT_ONCE = 50;

export interface CountingClient {
  /** Connects, and resolves when it is subscribed. */
  subscribe(): Promise<void>;
  close(): void;
}

/** Makes a client that calls `onEvent` for each event that it receives. */
export type CreateClient = (endpoint: Contestant['endpoint'], onEvent: () => void) => CountingClient;

/** The clients of one server, all of one kind. */
export class Crowd implements MeasuredServer {
  readonly contestant: Contestant;
  readonly #createClient: CreateClient;
  readonly #clients: CountingClient[] = [];
  #received = 0;

  constructor(contestant: Contestant, createClient: CreateClient) {
    this.contestant = contestant;
    this.#createClient = createClient;
  }

  get sockets(): number {
    return this.#clients.length;
  }

  /** Opens clients until there are so many. */
  async grow(wanted: number): Promise<void> {
    while (this.sockets < wanted) {
      const count = Math.min(AT_ONCE, wanted - this.sockets);
      const some = Array.from({ length: count }, () =>
        this.#createClient(this.contestant.endpoint, () => void (this.#received += 1)),
      );
      this.#clients.push(...some);
      await Promise.all(some.map((client) => client.subscribe()));
    }
  }

  /** Publishes one event and resolves when all clients have it. */
  async publish(): Promise<void> {
    const expected = this.#received + this.sockets;
    const event = {
      name: EVENT,
      channel: CHANNEL,
      data: '{"text":"0123456789012345678901234567890123456789"}',
    };
    const { status } = await publisher(this.contestant.endpoint).post('/events', event);
    if (status !== 200) throw new Error(`a publish was answered with ${status}`);
    await eventually(() => this.#received >= expected, 'every client has the event');
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.contestant.close();
  }
}

/** Runs a measurement of CPU time with this process, which acts as the clients, on the generator's core. */
export async function besideServers(bench: Bench, measure: () => Promise<Row[]>): Promise<Row[]> {
  if (!MEASURES_CPU) {
    bench.leaveOut('the whole scenario', 'there is no /proc to read its CPU time');
    return [];
  }
  const cores = affinityOf(process.pid);
  pin(process.pid, bench.setting.pinning.generator);
  try {
    return await measure();
  } finally {
    unpin(process.pid, cores);
  }
}

/** Publishes one event after another for `seconds`. Returns the CPU time of the server for each delivery. */
export async function deliveryTurn(crowd: Crowd, seconds: number): Promise<TurnResult> {
  const endMs = performance.now() + seconds * 1000;
  const before = cpuUs(crowd.contestant.pid);
  let events = 0;
  for (; events === 0 || performance.now() < endMs; events += 1) await crowd.publish();
  return { value: (cpuUs(crowd.contestant.pid) - before) / events / crowd.sockets };
}

/** Memory of one more client, in KiB. */
export async function slopeOf(crowd: Crowd, few: number, many: number): Promise<number> {
  await crowd.grow(few);
  const low = await settledRss(crowd.contestant);
  await crowd.grow(Math.max(many, few + 1));
  const high = await settledRss(crowd.contestant);
  return (high - low) / (crowd.sockets - few);
}
