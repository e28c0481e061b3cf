/** Kills one of three nodes and measures when its clients have reconnected, when the members that do not return are removed, and which changes are sent. */
import { startLoadBalancer } from '../../cluster/load-balancer.ts';
import { type Endpoint, publisher } from '../../support/wire-http.ts';
import { type Frame, dataOf, eventually } from '../../support/wire.ts';
import {
  subscribeAll,
  cpuUs,
  endpointOf,
  type Figure,
  LightClient,
  quantile,
  BenchCluster,
} from './bench-cluster.ts';
import { sleep } from '../../../src/core/util/time.ts';

export interface Sizes {
  /** Sockets of the killed node whose clients reconnect; another 10 % do not. */
  readonly sockets: number;
  readonly leaseSeconds: number;
}

const USERS_PER_CHANNEL = 20;
const LIMIT_MS = 60_000;

/** A client of another node on every presence channel, which tracks the rosters and counts repeated changes. */
class Watcher {
  readonly client: LightClient;
  readonly rosters = new Map<string, Set<string>>();
  /** Removals of users who were not members, and additions of users who were. */
  repeated = 0;
  lastRemovalMs = 0;

  constructor(name: string, address: Endpoint, presenceChannels: readonly string[]) {
    this.client = new LightClient(name, address, presenceChannels);
    this.client.onFrame = (frame) => this.#receive(frame);
  }

  #receive({ event, channel, ...rest }: Frame): void {
    const data = dataOf(rest) as { user_id?: string; presence?: { ids: string[] } } | undefined;
    const name = channel as string;
    if (data?.presence !== undefined) this.rosters.set(name, new Set(data.presence.ids));
    const roster = this.rosters.get(name);
    const user = data?.user_id ?? '';
    if (event === 'pusher_internal:member_added') {
      if (roster?.has(user)) this.repeated += 1;
      roster?.add(user);
    } else if (event === 'pusher_internal:member_removed') {
      if (!roster?.delete(user)) this.repeated += 1;
      this.lastRemovalMs = performance.now();
    }
  }
}

interface RunningCluster {
  readonly cluster: BenchCluster;
  readonly presenceChannels: readonly string[];
  readonly watchers: readonly Watcher[];
  readonly returning: readonly LightClient[];
  readonly leaving: readonly LightClient[];
}

const presenceChannelOf = ({ channels }: LightClient): string => channels.at(-1) ?? '';

/** Counts the memberships of these users on the rosters of all watchers. */
const countListed = (watchers: readonly Watcher[], users: readonly LightClient[]): number =>
  watchers.flatMap(({ rosters }) =>
    users.filter((client) => rosters.get(presenceChannelOf(client))?.has(client.user)),
  ).length;

export async function nodeKilled({ sockets, leaseSeconds }: Sizes): Promise<Figure[]> {
  const cluster = await BenchCluster.open(3, { WAVEHALL_LEASE_SECONDS: `${leaseSeconds}` });
  // Like a load balancer that tries the next node if one does not answer.
  let open = [0];
  let turn = 0;
  const ports = cluster.nodes.map(({ port }) => port);
  const balancer = await startLoadBalancer(ports, () => open[(turn += 1) % open.length] ?? 0);
  const leavingCount = Math.ceil(sockets / 10);
  const presenceChannels = Array.from(
    { length: Math.ceil((sockets + leavingCount) / USERS_PER_CHANNEL) },
    (_, at) => `presence-room.${at}`,
  );
  const clients = Array.from({ length: sockets + leavingCount }, (_, at) => {
    const channels = [`private-user.${at}`, presenceChannels[at % presenceChannels.length] ?? ''];
    return new LightClient(`u${at}`, endpointOf(balancer), channels);
  });
  const watchers = [1, 2].map((at) => new Watcher(`watcher${at}`, cluster.endpoint(at), presenceChannels));
  try {
    await subscribeAll([...watchers.map(({ client }) => client), ...clients]);
    await eventually(
      () => countListed(watchers, clients) === clients.length * 2,
      'all rosters are complete',
      LIMIT_MS,
    );
    const running = {
      cluster,
      presenceChannels,
      watchers,
      returning: clients.slice(leavingCount),
      leaving: clients.slice(0, leavingCount),
    };
    open = [1, 2];
    return await measureKill(running, leaseSeconds);
  } finally {
    for (const client of [...clients, ...watchers.map((watcher) => watcher.client)]) client.close();
    await balancer.close();
    await cluster.close();
  }
}

async function measureKill(
  { cluster, presenceChannels, watchers, returning, leaving }: RunningCluster,
  lease: number,
): Promise<Figure[]> {
  for (const client of leaving) client.reconnects = false;
  const cpu = cpuSeconds(cluster);
  const before = performance.now();
  cluster.nodes[0]?.kill('SIGKILL');
  await cluster.nodes[0]?.exited;
  const isBack = ({ subscribedSinceMs: sinceMs = 0 }: LightClient): boolean => sinceMs > before;
  await eventually(() => returning.every(isBack), 'all clients are back', LIMIT_MS);
  const spent = cpuSeconds(cluster).map((each, at) => each - (cpu[at] ?? 0));
  const [node1, node2, clients] = spent;
  const backMs = returning.map(({ subscribedSinceMs: sinceMs = Infinity }) => sinceMs - before);
  await eventually(
    () => countListed(watchers, leaving) === 0,
    'the last stale member is removed',
    LIMIT_MS,
  ).catch(() => undefined);
  const removedMs = Math.max(...watchers.map(({ lastRemovalMs }) => lastRemovalMs - before));
  // Waits for changes that are sent again.
  await sleep(lease * 500);
  const expected = new Set([
    ...returning.map(({ user }) => user),
    ...watchers.map(({ client }) => client.user),
  ]);
  const [stale, absent] = await differences(cluster, presenceChannels, expected);
  const name = `node killed, lease ${lease} s:`;
  const none = { unit: '', goal: '0' };
  return [
    { name: `${name} 99 % back`, value: quantile(backMs, 0.99), unit: 'ms', goal: '<= 5000' },
    {
      name: `${name} 100 % back`,
      value: quantile(backMs, 1),
      unit: 'ms',
      goal: '<= 15000',
      more: { 'CPU s of one node': node1, 'the other': node2, 'clients and balancer': clients },
    },
    { name: `${name} last stale member removed`, value: removedMs, unit: 'ms', goal: `<= ${lease * 1250}` },
    {
      name: `${name} repeated member changes`,
      value: sum(watchers.map(({ repeated }) => repeated)),
      ...none,
    },
    { name: `${name} removals missing`, value: countListed(watchers, leaving), ...none },
    {
      name: `${name} false removals`,
      value: returning.length * watchers.length - countListed(watchers, returning),
      ...none,
    },
    { name: `${name} stale members in the API`, value: stale, ...none },
    { name: `${name} members missing in the API`, value: absent, ...none },
  ];
}

/** CPU time of the two remaining nodes, and of the clients and the balancer. */
const cpuSeconds = (cluster: BenchCluster): number[] =>
  [...cluster.nodes.slice(1).map(({ pid }) => pid), process.pid].map((pid) => cpuUs(pid) / 1e6);

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/** Counts stale and missing members in the rosters that the API returns. */
async function differences(
  cluster: BenchCluster,
  presenceChannels: readonly string[],
  expected: ReadonlySet<string>,
): Promise<[number, number]> {
  let [stale, present] = [0, 0];
  for (const channel of presenceChannels) {
    const { json } = await publisher(cluster.endpoint(1)).get(`/channels/${channel}/users`);
    for (const { id } of (json as { users: { id: string }[] }).users) {
      if (expected.has(id)) present += 1;
      else stale += 1;
    }
  }
  // The two watchers are on all channels.
  return [stale, expected.size - 2 + presenceChannels.length * 2 - present];
}
