/** Cost of a message from one node to another, on both nodes, relative to two bare ioredis clients. */
import { affinityOf, pin, type Pinning, unpin } from '../machine.ts';
import { Drive, type Mode, busyPoll } from './drive.ts';
import { clientEventRoute, httpRoute, relayRoute, type Route } from './routes.ts';
import { cpuUs, type Figure, quantile, BenchCluster, startSingleNode } from './bench-cluster.ts';

export interface Sizes {
  /** Rounds of every route, in turn with the other routes. */
  readonly rounds: number;
  readonly seconds: number;
}

/** `pinning`: nodes and Redis share one core, this process has another. `isWanted`: selects figures by name. */
interface CrossingOptions {
  readonly pinning?: Pinning;
  readonly isWanted?: (name: string) => boolean;
}

const BURST = 32;
const MANY_BURSTS = 8;
const GOAL_US = 8;
/** Rounds of each route before it is measured, in which its code is compiled. */
const WARM_ROUNDS = 3;

/** Result of one round of one route, per message. */
interface Round {
  readonly publisherUs: number;
  readonly subscriberUs: number;
  readonly redisUs: number;
  readonly perSecond: number;
  readonly latenciesMs: readonly number[];
}

const MODES: readonly Mode[] = [
  { name: 'single', burst: 1, together: 1 },
  { name: `bursts of ${BURST}`, burst: BURST, together: 1 },
  { name: `${MANY_BURSTS} bursts of ${BURST} at a time`, burst: BURST, together: MANY_BURSTS },
];

const ENV = {
  REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'all',
  WAVEHALL_HISTORY_RULES: 'private-plain=0/0',
  WAVEHALL_MAX_BATCH_SIZE: `${BURST}`,
};

/** Measures all routes. Rejects if a node, Redis or a route cannot be started, or if a message does not arrive. */
export async function crossing(
  sizes: Sizes,
  { pinning, isWanted = () => true }: CrossingOptions = {},
): Promise<Figure[]> {
  const cluster = await BenchCluster.open(2, ENV);
  const singleNode = await startSingleNode(ENV);
  const routes: Route[] = [];
  let unpinProcesses = ignore;
  try {
    const redisPid = await cluster.redisPid();
    for (const openRoute of routeOpeners(cluster, singleNode)) routes.push(await openRoute());
    if (pinning !== undefined) unpinProcesses = pinProcesses(pinning, [redisPid, ...routes.flatMap(pidsOf)]);
    const found: Figure[] = [];
    for (const mode of MODES) {
      const wanted = routes.filter((route) => isWanted(nameOf(mode, route)));
      found.push(...(await measure(wanted, mode, redisPid, sizes)));
    }
    return found;
  } finally {
    unpinProcesses();
    await Promise.all(routes.map((route) => route.close()));
    await Promise.all([singleNode.close(), cluster.close()]);
  }
}

const pidsOf = ({ publisher, subscriber }: Route): number[] => [publisher, subscriber];
const nameOf = (mode: Mode, route: Route): string => `crossing, ${mode.name}, ${route.name}`;

/** Pins these processes to the servers' core and this process to its own, where it keeps running. The returned function undoes this. */
function pinProcesses({ server, generator, isApart }: Pinning, pids: readonly number[]): () => void {
  const cores = affinityOf(process.pid);
  for (const pid of new Set(pids)) pin(pid, server);
  pin(process.pid, generator);
  const stopPolling = isApart ? busyPoll() : ignore;
  return () => {
    stopPolling();
    unpin(process.pid, cores);
  };
}

const ignore = (): void => undefined;

/** The first one is the floor. */
function routeOpeners(
  cluster: BenchCluster,
  singleNode: BenchCluster['nodes'][number],
): (() => Promise<Route>)[] {
  const [from = singleNode, to = singleNode] = cluster.nodes;
  const { port } = cluster.redis;
  const [noHistory, withHistory] = ['private-plain', 'private-kept'].map((channel) => ({
    from,
    to,
    channel,
  }));
  if (noHistory === undefined || withHistory === undefined) return [];
  return [
    () => relayRoute('each', 'floor: ioredis, PUBLISH each', port),
    () => relayRoute('joined', 'floor: ioredis, PUBLISH per read', port),
    () => relayRoute('stores', 'stores alone, no history', port),
    () => relayRoute('stores-kept', 'stores alone, history 50', port),
    () =>
      clientEventRoute(
        { ...noHistory, from: singleNode, to: singleNode },
        'client events, one node, no Redis',
      ),
    () => clientEventRoute(noHistory, 'client events, no history'),
    () => clientEventRoute(withHistory, 'client events, history 50'),
    () => clientEventRoute(withHistory, 'client events of 32 clients, history 50', BURST),
    () => httpRoute(withHistory, 'POST events, history 50', 'each'),
    () => httpRoute(withHistory, 'POST batch_events, history 50', 'batch'),
  ];
}

async function measure(
  routes: readonly Route[],
  mode: Mode,
  redisPid: number,
  sizes: Sizes,
): Promise<Figure[]> {
  const rounds = new Map<Route, Round[]>(routes.map((route) => [route, []]));
  for (let turn = 0; turn < sizes.rounds; turn += 1) {
    for (const [route, results] of rounds) {
      if (turn === 0) await new Drive(route, mode).run(sizes.seconds * WARM_ROUNDS * 1000);
      results.push(await round(route, mode, redisPid, sizes.seconds * 1000));
    }
  }
  const floors = (rounds.get(routes[0] as Route) ?? []).map(bothUs);
  return routes.flatMap((route) => figures(route, mode, rounds.get(route) ?? [], floors));
}

const bothUs = ({ publisherUs, subscriberUs }: Round): number => publisherUs + subscriberUs;

async function round(route: Route, mode: Mode, redisPid: number, ms: number): Promise<Round> {
  const pids = [route.publisher, route.subscriber, redisPid] as const;
  const before = pids.map(cpuUs);
  const drive = new Drive(route, mode);
  const tookMs = await drive.run(ms);
  const count = drive.latenciesMs.length;
  const [publisherUs = 0, subscriberUs = 0, redisUs = 0] = pids.map(
    (pid, at) => (cpuUs(pid) - (before[at] ?? 0)) / count,
  );
  const isAlone = route.publisher === route.subscriber;
  return {
    publisherUs,
    subscriberUs: isAlone ? 0 : subscriberUs,
    redisUs,
    perSecond: (count * 1000) / tookMs,
    latenciesMs: drive.latenciesMs,
  };
}

function figures(route: Route, mode: Mode, rounds: readonly Round[], floors: readonly number[]): Figure[] {
  const median = (of: (round: Round, at: number) => number): number | undefined =>
    quantile(rounds.map(of), 0.5);
  const latencies = rounds.flatMap(({ latenciesMs }) => latenciesMs);
  // Single signed requests have their own goal in the scenario `trigger`.
  const hasGoal =
    mode.burst > 1 && route.publisher !== route.subscriber && !route.name.startsWith('POST events');
  return [
    {
      name: nameOf(mode, route),
      value: median(bothUs),
      unit: 'us/message',
      ...(hasGoal && { goal: `<= ${GOAL_US}` }),
      more: {
        publisher: median(({ publisherUs }) => publisherUs),
        subscriber: median(({ subscriberUs }) => subscriberUs),
        Redis: median(({ redisUs }) => redisUs),
        'x floor': median((each, at) => bothUs(each) / (floors[at] ?? NaN)),
        'messages/s': median(({ perSecond }) => perSecond),
        'p50 ms': quantile(latencies, 0.5),
        'p99 ms': quantile(latencies, 0.99),
      },
    },
  ];
}
