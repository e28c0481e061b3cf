/** Arithmetic of the capacity of a machine: how many sockets and events it holds, what gives out first, how many nodes a load needs. */
import { BENCHMARK, KERNEL_KIB } from './benchmark.ts';

/** Result of the short measurement on this machine. Times are CPU time of the server. */
export interface Measured {
  readonly triggerUs: number;
  readonly fanOutUs: number;
  readonly handshakeUs: number;
  /** Growth of the process, and of V8's heap in it, for one more subscriber. */
  readonly socketKib: number;
  readonly heapKib: number;
  /** The process and its heap without sockets. */
  readonly processKib: number;
  readonly processHeapKib: number;
}

/** Costs of this machine by the model. */
export interface Costs {
  readonly eventUs: number;
  readonly deliveryUs: number;
  readonly handshakeUs: number;
  readonly pingUs: number;
  readonly publishUs: number;
  readonly receiveUs: number;
  readonly redisUs: number;
  readonly socketKib: number;
  readonly heapKib: number;
  readonly processKib: number;
  readonly processHeapKib: number;
}

export interface Machine {
  readonly cores: number;
  /** Memory that is available now, of the machine or of its container. */
  readonly availableKib: number;
  /** Heap limit of one process. */
  readonly heapLimitKib: number;
  /** Open files of one process; `undefined` where the system does not show it. */
  readonly openFiles: number | undefined;
}

/** Traffic of a whole installation. */
export interface LoadGiven {
  readonly connections: number;
  readonly eventsPerSecond: number;
  readonly subscribersPerEvent: number;
}

export interface Limit {
  readonly of: 'open files' | 'memory' | 'heap' | 'CPU for pings';
  /** Sockets of all processes of the machine. */
  readonly sockets: number;
}

/** Share of a core above which latency grows quickly. */
export const FULL_CORE = 0.8;
/** CPU time of one process per second. */
const CORE_US = FULL_CORE * 1e6;
/** Share of the available memory, and of the heap, that sockets may fill. */
export const FULL_MEMORY = 0.85;
/** Interval in seconds at which pusher-js pings an idle connection. */
const PING_SECONDS = 30;
/** Files of a process that are not sockets of clients: 5 %, at least this number. */
const RESERVED_FILES = 64;
const MAX_NODES = 1_000_000;

/** Scales the benchmark's costs by the ratio of this machine to the benchmark's. Memory does not depend on speed: the larger figure counts. */
export function costsOf(measured: Measured): Costs {
  const request = measured.triggerUs / BENCHMARK.triggerUs;
  const message = measured.fanOutUs / BENCHMARK.fanOutUs;
  const { publishUs, receiveUs, redisUs, pingsPercent, pingsPerSecond } = BENCHMARK;
  return {
    eventUs: BENCHMARK.eventUs * request,
    deliveryUs: BENCHMARK.deliveryUs * message,
    handshakeUs: measured.handshakeUs,
    pingUs: ((pingsPercent * 1e4) / pingsPerSecond) * message,
    publishUs: publishUs * request,
    receiveUs: receiveUs * message,
    redisUs: redisUs * message,
    socketKib: Math.max(measured.socketKib, BENCHMARK.socketKib),
    heapKib: measured.heapKib,
    processKib: measured.processKib,
    processHeapKib: measured.processHeapKib,
  };
}

/** Processes that serve: one core of several stays free for Redis and the rest. */
export const processesOn = ({ cores }: Pick<Machine, 'cores'>): number => Math.max(1, cores - 1);

/** Sockets that the open files of one process allow, as `wavehall start` counts them. */
const socketsOfFiles = (files: number): number =>
  Math.min(Math.floor(files * 0.95), Math.max(files - RESERVED_FILES, Math.floor(files / 2)));

/** Limits of the sockets of this machine; the first one gives out first. */
export function socketLimits(machine: Machine, costs: Costs): Limit[] {
  const processes = processesOn(machine);
  const memoryKib = machine.availableKib * FULL_MEMORY - processes * costs.processKib;
  const heapKib = machine.heapLimitKib * FULL_MEMORY - costs.processHeapKib;
  const all: Limit[] = [
    { of: 'memory', sockets: whole(memoryKib / (costs.socketKib + KERNEL_KIB)) },
    { of: 'heap', sockets: processes * whole(heapKib / costs.heapKib) },
    { of: 'CPU for pings', sockets: processes * whole((CORE_US * PING_SECONDS) / costs.pingUs) },
  ];
  if (machine.openFiles !== undefined)
    all.push({ of: 'open files', sockets: processes * socketsOfFiles(machine.openFiles) });
  return all
    .filter(({ sockets }) => Number.isFinite(sockets))
    .sort((one, other) => one.sockets - other.sockets);
}

const whole = (count: number): number => Math.max(0, Math.floor(count));

/** CPU time of each node for one event per second of the installation; the subscribers are spread evenly over the nodes. */
function usOfEachNode(costs: Costs, nodes: number, subscribers: number): number {
  const deliveriesUs = (subscribers / nodes) * costs.deliveryUs;
  if (nodes === 1) return costs.eventUs + deliveriesUs;
  return costs.publishUs / nodes + Math.min(1, subscribers / nodes) * costs.receiveUs + deliveriesUs;
}

/** Events per second that `nodes` processes carry while they hold `sockets`, each of `subscribers` deliveries. */
export function eventsPerSecond(costs: Costs, nodes: number, sockets: number, subscribers: number): number {
  const freeUs = CORE_US - ((sockets / nodes) * costs.pingUs) / PING_SECONDS;
  const events = whole(freeUs / usOfEachNode(costs, nodes, subscribers));
  return nodes === 1 ? events : Math.min(events, eventsOverRedis(costs));
}

/** Events per second that fill a core of one Redis. */
export const eventsOverRedis = (costs: Costs): number => whole(CORE_US / costs.redisUs);

export interface Need {
  /** Processes; `undefined` if no number of them is enough. */
  readonly nodes: number | undefined;
  readonly machines: number | undefined;
  /** The resource that needs the most nodes. */
  readonly because: Limit['of'] | 'CPU for events' | 'Redis';
  /** Largest share of a core that a node uses. */
  readonly coreShare: number | undefined;
}

/** Nodes like the processes of this machine that a load needs. */
export function nodesFor(load: LoadGiven, machine: Machine, costs: Costs): Need {
  const [first] = socketLimits(machine, costs);
  const perNode = Math.floor((first?.sockets ?? 0) / processesOn(machine));
  const none = (because: Need['because']): Need => ({
    nodes: undefined,
    machines: undefined,
    because,
    coreShare: undefined,
  });
  if (first === undefined || perNode === 0) return none(first?.of ?? 'memory');
  const forSockets = Math.max(1, Math.ceil(load.connections / perNode));
  let nodes = forSockets;
  while (nodes <= MAX_NODES && coreShareOf(costs, nodes, load) > FULL_CORE) nodes += Math.ceil(nodes / 1000);
  if (nodes > MAX_NODES) return none('CPU for events');
  if (nodes > 1 && load.eventsPerSecond > eventsOverRedis(costs)) return none('Redis');
  return {
    nodes,
    machines: Math.ceil(nodes / processesOn(machine)),
    because: nodes > forSockets ? 'CPU for events' : first.of,
    coreShare: coreShareOf(costs, nodes, load),
  };
}

function coreShareOf(costs: Costs, nodes: number, load: LoadGiven): number {
  const pingsUs = ((load.connections / nodes) * costs.pingUs) / PING_SECONDS;
  const eventsUs = load.eventsPerSecond * usOfEachNode(costs, nodes, load.subscribersPerEvent);
  return (pingsUs + eventsUs) / 1e6;
}

/** Seconds until all sockets are connected again after a restart. */
export const reconnectSeconds = (costs: Costs, nodes: number, sockets: number): number =>
  ((sockets / nodes) * costs.handshakeUs) / CORE_US;
