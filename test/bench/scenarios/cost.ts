/**
 * How cost grows: µs for an event and µs for a delivery, fitted over channels of very different size, and how well the
 * two numbers foretell each of them. From that, what one core can carry.
 */
import type { Bench, Scenario } from '../bench.ts';
import type { Contestant } from '../contestants.ts';
import { median, type Row } from '../figures.ts';

interface Shape {
  readonly connections: number;
  readonly channels: number;
  /** Channels of each connection. */
  readonly per: number;
  /** Events that are on their way together, each to a channel by chance. */
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

/** Alone, a small event also pays for waking the server up: that is no part of what many of them cost. */
const isLonely = ({ channels, connections }: Shape): boolean => channels === 1 && connections < 1000;

/** Of a core: above it latency grows quickly. */
const FULL_LOAD = 0.8;

interface Point {
  readonly shape: Shape;
  /** Deliveries of one event. */
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
    const able = bench.contestants.find(({ role }) => role === 'wavehall');
    if (able === undefined) return [];
    for (const shape of SHAPES) {
      const point = await measure(bench, able, scaled(bench, shape));
      if (point !== undefined) points.push(point);
    }
    const model = fit(points.filter(({ shape }) => !isLonely(shape)));
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
    const { open, complaint } = await load.ask('open', { n: connections, channels, per });
    if (open !== connections) throw new Error(`${open} of ${connections} came up; ${complaint}`);
    const rounds: number[] = [];
    for (let round = 0; round <= bench.sizes.rounds; round += 1) {
      const { seconds } = bench.sizes;
      const found = await load.ask('fanout', { burst, seconds, pids: contestant.pid });
      if (round > 0 && found.whole) rounds.push(found.serverUs / found.events);
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

/** Two numbers whose sum misses each point by as small a share as can be: least squares of relative errors. */
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

/** Measured cost, cost by the model, and the events a second that leave 20 % of a core free. */
function row({ shape, audience, usPerEvent }: Point, model: Model): Row[] {
  const { connections, channels } = shape;
  const foretold = model.usPerEvent + audience * model.usPerDelivery;
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
        'model us': foretold,
        'model is off by %': (foretold / usPerEvent - 1) * 100,
        [`events/s at ${FULL_LOAD * 100} % of a core`]: Math.floor(events),
        'deliveries/s': Math.floor(events * audience),
      },
      note: isLonely(shape) ? 'one at a time: the server wakes up for each' : undefined,
    },
  ];
}
