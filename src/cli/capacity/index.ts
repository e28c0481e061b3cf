/** `wavehall capacity`: measures this machine for some seconds and applies the model of docs/performance.md to it. */
import { BENCHMARK } from './benchmark.ts';
import { readMachine } from './machine.ts';
import { measure } from './measure/index.ts';
import {
  type Costs,
  costsOf,
  eventsPerSecond,
  type Limit,
  type LoadGiven,
  type Machine,
  type Measured,
  type Need,
  nodesFor,
  processesOn,
  reconnectSeconds,
  socketLimits,
} from './model.ts';

export interface CapacityOptions {
  readonly connections: number | undefined;
  readonly eventsPerSecond: number | undefined;
  readonly subscribersPerEvent: number;
  readonly payloadBytes: number;
  readonly seconds: number;
}

export interface Capacity {
  readonly machine: Machine & { readonly processes: number; readonly node: string };
  readonly measured: Measured;
  /** This machine's costs divided by those of the benchmark. */
  readonly ratios: {
    readonly trigger: number;
    readonly delivery: number;
    readonly handshake: number;
    readonly socket: number;
  };
  readonly costs: Costs;
  /** Sorted: the first one gives out first. */
  readonly limits: readonly Limit[];
  readonly sockets: number;
  readonly givesOutFirst: Limit['of'] | undefined;
  /** Events per second by their number of subscribers, with no more sockets than these. */
  readonly events: readonly {
    readonly subscribers: number;
    readonly onOneProcess: number;
    readonly onAll: number;
  }[];
  readonly reconnectSeconds: number;
  readonly load: (LoadGiven & { readonly megabitsPerSecond: number }) | undefined;
  readonly need: Need | undefined;
}

const AUDIENCES = [1, 10, 100, 1000];
/** Bytes of an event's frame besides its data, and of TCP and IP. */
const HEADERS_BYTES = 120;

export async function capacity(options: CapacityOptions): Promise<Capacity> {
  const machine = readMachine();
  const measured = await measure({ ...options, openFiles: machine.openFiles });
  return capacityOf(options, machine, measured);
}

export function capacityOf(options: CapacityOptions, machine: Machine, measured: Measured): Capacity {
  const costs = costsOf(measured);
  const processes = processesOn(machine);
  const limits = socketLimits(machine, costs);
  const sockets = limits[0]?.sockets ?? 0;
  const load = loadOf(options);
  return {
    machine: { ...machine, processes, node: process.version },
    measured,
    ratios: ratiosOf(measured),
    costs,
    limits,
    sockets,
    givesOutFirst: limits[0]?.of,
    events: audiencesFor(options).map((subscribers) => ({
      subscribers,
      onOneProcess: eventsPerSecond(costs, 1, subscribers, subscribers),
      onAll: eventsPerSecond(costs, processes, subscribers, subscribers),
    })),
    reconnectSeconds: reconnectSeconds(costs, processes, sockets),
    load: load && { ...load, megabitsPerSecond: megabits(load, options.payloadBytes) },
    need: load && nodesFor(load, machine, costs),
  };
}

const ratiosOf = ({ triggerUs, fanOutUs, handshakeUs, socketKib }: Measured): Capacity['ratios'] => ({
  trigger: triggerUs / BENCHMARK.triggerUs,
  delivery: fanOutUs / BENCHMARK.fanOutUs,
  handshake: handshakeUs / BENCHMARK.handshakeUs,
  socket: socketKib / BENCHMARK.socketKib,
});

const audiencesFor = ({ subscribersPerEvent }: CapacityOptions): number[] =>
  [...new Set([...AUDIENCES, subscribersPerEvent])].sort((one, other) => one - other);

/** The load that was asked for; `undefined` if there is none. */
function loadOf({
  connections,
  eventsPerSecond: events,
  subscribersPerEvent,
}: CapacityOptions): LoadGiven | undefined {
  if (connections === undefined && events === undefined) return undefined;
  return { connections: connections ?? 0, eventsPerSecond: events ?? 0, subscribersPerEvent };
}

const megabits = (
  { eventsPerSecond: events, subscribersPerEvent }: LoadGiven,
  payloadBytes: number,
): number => (events * subscribersPerEvent * (payloadBytes + HEADERS_BYTES) * 8) / 1e6;
