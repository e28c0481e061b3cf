/** Clients over the HTTP fallback beside those over WebSocket: the cost of a delivery, and the memory of a session. */
import { publisher } from '../../../support/wire-http.ts';
import { eventually } from '../../../support/wire.ts';
import type { Bench, Scenario } from '../../bench.ts';
import { cpuUs } from '../../cluster/bench-cluster.ts';
import { type Contestant, MEASURES_CPU, startWavehall } from '../../contestants.ts';
import { compare, type Row } from '../../figures.ts';
import { affinityOf, pin, unpin } from '../../machine.ts';
import { interleave, type MeasuredServer } from '../../rounds.ts';
import { rowsOf, type TurnResult } from '../../rows.ts';
import { settledRss, YOUNG_GENERATION } from '../memory.ts';
import { CHANNEL, CountingClient, EVENT, type Way } from './client.ts';

const SOCKETS = 1000;
const FEW = 500;
const MANY = 2500;
/** Clients that connect at the same time. */
const AT_ONCE = 50;
const KIB_OF_A_GIB = 1024 * 1024;

/** The clients of one server, all of one kind. */
class Crowd implements MeasuredServer {
  readonly contestant: Contestant;
  readonly #way: Way;
  readonly #clients: CountingClient[] = [];
  #received = 0;

  constructor(way: Way, contestant: Contestant) {
    this.#way = way;
    this.contestant = contestant;
  }

  get sockets(): number {
    return this.#clients.length;
  }

  /** Opens clients until there are so many. */
  async grow(wanted: number): Promise<void> {
    while (this.sockets < wanted) {
      const count = Math.min(AT_ONCE, wanted - this.sockets);
      const some = Array.from(
        { length: count },
        () => new CountingClient(this.#way, this.contestant.endpoint, () => void (this.#received += 1)),
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

const VARIANTS: readonly (readonly [name: string, way: Way])[] = [
  ['Wavehall', 'xhr_streaming'],
  ['by polling', 'xhr_polling'],
  ['over WebSocket', 'websocket'],
];

export const fallback: Scenario = {
  name: 'fallback',
  title: 'Clients over the HTTP fallback, by streaming, beside polling and WebSocket',
  async run(bench) {
    if (!MEASURES_CPU) {
      bench.leaveOut('the HTTP fallback', 'there is no /proc to read its CPU time');
      return [];
    }
    const cores = affinityOf(process.pid);
    pin(process.pid, bench.setting.pinning.generator);
    try {
      return [...(await deliveries(bench)), ...(await memoryOfSessions(bench))];
    } finally {
      unpin(process.pid, cores);
    }
  },
};

async function open(bench: Bench, [name, way]: (typeof VARIANTS)[number]): Promise<Crowd> {
  const { server: core } = bench.setting.pinning;
  const started = await startWavehall({ core, nodeOptions: YOUNG_GENERATION });
  return new Crowd(way, { ...started, name, role: name === 'Wavehall' ? 'wavehall' : 'other' });
}

async function deliveries(bench: Bench): Promise<Row[]> {
  const crowds: Crowd[] = [];
  try {
    for (const variant of VARIANTS) {
      const crowd = await open(bench, variant);
      crowds.push(crowd);
      await crowd.grow(bench.scaled(SOCKETS));
    }
    const results = await interleave(bench, crowds, (crowd) => turn(bench, crowd));
    const figure = `${bench.scaled(SOCKETS)} clients, 1 event a tick`;
    return rowsOf({ scenario: fallback.name, figure, unit: 'us/delivery' }, results);
  } finally {
    for (const crowd of crowds) await crowd.close();
  }
}

async function turn(bench: Bench, crowd: Crowd): Promise<TurnResult> {
  const endMs = performance.now() + bench.sizes.seconds * 1000;
  const before = cpuUs(crowd.contestant.pid);
  let events = 0;
  for (; events === 0 || performance.now() < endMs; events += 1) await crowd.publish();
  return { value: (cpuUs(crowd.contestant.pid) - before) / events / crowd.sockets };
}

interface Slope {
  readonly server: string;
  readonly kib: number;
}

async function memoryOfSessions(bench: Bench): Promise<Row[]> {
  const slopes: Slope[] = [];
  for (const variant of VARIANTS) {
    const crowd = await open(bench, variant);
    try {
      slopes.push({ server: variant[0], kib: await slopeOf(bench, crowd) });
    } finally {
      await crowd.close();
    }
  }
  return slopes.map((slope) => memoryRow(slope, slopes));
}

async function slopeOf(bench: Bench, crowd: Crowd): Promise<number> {
  const [few, many] = [bench.scaled(FEW), bench.scaled(MANY)];
  await crowd.grow(few);
  const low = await settledRss(crowd.contestant);
  await crowd.grow(Math.max(many, few + 1));
  const high = await settledRss(crowd.contestant);
  return (high - low) / (crowd.sockets - few);
}

function memoryRow({ server, kib }: Slope, all: readonly Slope[]): Row {
  const others = server === 'Wavehall' ? all.filter((each) => each.server !== server) : [];
  return {
    scenario: fallback.name,
    figure: 'RSS of one more client',
    server,
    value: kib,
    unit: 'KiB',
    against: compare(
      [kib],
      others.map((each) => ({ to: each.server, rounds: [each.kib] })),
    ),
    more: { 'clients in a GiB': Math.floor(KIB_OF_A_GIB / kib) },
  };
}
