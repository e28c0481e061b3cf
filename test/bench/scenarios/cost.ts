/**
 * A model of the server's cost: µs per event and µs per delivery, fitted over channels of very different size, with the
 * error of the model for each size and the rates that one core allows.
 */
import type { Bench, Scenario } from '../bench.ts';
import type { Contestant } from '../contestants.ts';
import { median, type Row } from '../figures.ts';

interface Shape {
  readonly connections: number;
  readonly channels: number;
  /** Channels of each connection. */
  readonly per: number;
  /** Events in flight at the same time, each to a random channel. */
  readonly burst: number;
}

const SHAPES: readonly Shape[] = [
  { connections: 1, channels: 1, per: 1, burst: 1 },
  { connections: 10, channels: 1, per: 1, burst: 1 },
  { connections: 100, channels: 1, per: 1, burst: 1 },
  { connections: 1000, channels: 1, per: 1, burst: 1 },
  { connections: 10_000, channels: 1, per: 1, burst: 1 },
  { connections: 10_000, channels: 10, per: 1, burst: 1 },
  { connections: 10_000, channels: 100, per: 1, burst: 4 },
  { connections: 10_000, channels: 1000, per: 1, burst: 16 },
  { connections: 10_000, channels: 10_000, per: 1, burst: 16 },
  { connections: 1000, channels: 1000, per: 1, burst: 16 },
  { connections: 5000, channels: 50_000, per: 10, burst: 16 },
];

/** A single small event also costs the wake-up of the server, which the model must not include. */
const includesWakeUp = ({ channels, connections }: Shape): boolean => channels === 1 && connections < 1000;

/** Share of a core above which latency grows quickly. */
const FULL_LOAD = 0.8;

interface Point {
  readonly shape: Shape;
  /** Deliveries per event. */
  readonly audience: number;
  readonly usPerEvent: number;
}

export interface Model {
  readonly usPerEvent: number;
  readonly usPerDelivery: number;
}

export const cost: Scenario = {
  name: 'cost',
  title: 'What events and deliveries cost, from small channels to large ones',
  async run(bench) {
    const points: Point[] = [];
    const wavehall = bench.contestants.find(({ role }) => role === 'wavehall');
    if (wavehall === undefined) return [];
    for (const shape of SHAPES) {
      const point = await measure(bench, wavehall, scaled(bench, shape));
      if (point !== undefined) points.push(point);
    }
    const model = fit(points.filter(({ shape }) => !includesWakeUp(shape)));
    return [...modelRows(model), ...points.flatMap((point) => row(point, model))];
  },
};

const scaled = (bench: Bench, shape: Shape): Shape => ({
  ...shape,
  connections: bench.scaled(shape.connections),
  channels: bench.scaled(shape.channels),
});

async function measure(bench: Bench, contestant: Contestant, shape: Shape): Promise<Point | undefined> {
  const { channels, per, burst } = shape;
  const connections = bench.socketsOn(contestant, shape.connections);
  const load = bench.load(contestant);
  try {
    const { open, firstError } = await load.run('open', { n: connections, channels, per });
    if (open !== connections) throw new Error(`${open} of ${connections} were opened; ${firstError}`);
    const rounds: number[] = [];
    for (let round = 0; round <= bench.sizes.rounds; round += 1) {
      const { seconds } = bench.sizes;
      const result = await load.run('fanout', { burst, seconds, pids: contestant.pid });
      if (round > 0 && result.whole) rounds.push(result.serverUs / result.events);
    }
    const usPerEvent = median(rounds);
    if (usPerEvent === undefined) throw new Error('deliveries did not arrive');
    return { shape: { ...shape, connections }, audience: (connections * per) / channels, usPerEvent };
  } catch (error) {
    bench.leaveOut(`${connections} connections with ${channels} channels`, (error as Error).message);
    return undefined;
  } finally {
    await load.close();
  }
}

/** Fits the two parameters by least squares of the relative errors. */
export function fit(points: readonly Pick<Point, 'audience' | 'usPerEvent'>[]): Model {
  let [aa, ab, bb, a, b] = [0, 0, 0, 0, 0];
  for (const { audience, usPerEvent } of points) {
    const [one, many] = [1 / usPerEvent, audience / usPerEvent];
    aa += one * one;
    ab += one * many;
    bb += many * many;
    a += one;
    b += many;
  }
  const determinant = aa * bb - ab * ab;
  return { usPerEvent: (a * bb - b * ab) / determinant, usPerDelivery: (b * aa - a * ab) / determinant };
}

function modelRows(model: Model): Row[] {
  const base = { scenario: cost.name, server: 'Wavehall' };
  return [
    { ...base, figure: 'model: one event', value: model.usPerEvent, unit: 'us' },
    { ...base, figure: 'model: one delivery of it', value: model.usPerDelivery, unit: 'us' },
  ];
}

/** Measured cost, cost by the model, and the events per second that leave 20 % of a core free. */
function row({ shape, audience, usPerEvent }: Point, model: Model): Row[] {
  const { connections, channels } = shape;
  const predicted = model.usPerEvent + audience * model.usPerDelivery;
  const events = (FULL_LOAD * 1e6) / usPerEvent;
  return [
    {
      scenario: cost.name,
      figure: `${connections} connections, ${channels} channels`,
      server: 'Wavehall',
      value: usPerEvent,
      unit: 'us/event',
      more: {
        'deliveries of an event': audience,
        'model us': predicted,
        'model is off by %': (predicted / usPerEvent - 1) * 100,
        [`events/s at ${FULL_LOAD * 100} % of a core`]: Math.floor(events),
        'deliveries/s': Math.floor(events * audience),
      },
      note: includesWakeUp(shape) ? 'one at a time: the server wakes up for each' : undefined,
    },
  ];
}
