/** Kills one of three nodes and measures when its clients are back, when the other members are removed, and which changes are sent. */
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
  /** Sockets of the killed node whose clients reconnect; 10 % more do not. */
  readonly sockets: number;
  readonly leaseSeconds: number;
}

const USERS_PER_ROOM = 20;
const LIMIT_MS = 60_000;

/** A client of another node on every channel, which keeps the rosters and counts impossible changes. */
class Watcher {
  readonly client: LightClient;
  readonly rosters = new Map<string, Set<string>>();
  /** Removals of users who were not members, and additions of users who were. */
  repeated = 0;
  lastRemovalMs = 0;

  constructor(name: string, address: Endpoint, rooms: readonly string[]) {
    this.client = new LightClient(name, address, rooms);
    this.client.onFrame = (frame) => this.#receive(frame);
  }

  #receive({ event, channel, ...rest }: Frame): void {
    const data = dataOf(rest) as { user_id?: string; presence?: { ids: string[] } } | undefined;
    const room = channel as string;
    if (data?.presence !== undefined) this.rosters.set(room, new Set(data.presence.ids));
    const roster = this.rosters.get(room);
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

interface Scene {
  readonly site: BenchCluster;
  readonly rooms: readonly string[];
  readonly watchers: readonly Watcher[];
  readonly returning: readonly LightClient[];
  readonly leaving: readonly LightClient[];
}

const roomOf = ({ channels }: LightClient): string => channels.at(-1) ?? '';

/** How many of some users each watcher has on its rosters, added up. */
const seen = (watchers: readonly Watcher[], users: readonly LightClient[]): number =>
  watchers.flatMap(({ rosters }) => users.filter((client) => rosters.get(roomOf(client))?.has(client.user)))
    .length;

export async function nodeKilled({ sockets, leaseSeconds }: Sizes): Promise<Figure[]> {
  const site = await BenchCluster.open(3, { WAVEHALL_LEASE_SECONDS: `${leaseSeconds}` });
  // As a balancer does that tries the next node when one does not answer.
  let open = [0];
  let turn = 0;
  const ports = site.nodes.map(({ port }) => port);
  const balancer = await startLoadBalancer(ports, () => open[(turn += 1) % open.length] ?? 0);
  const leavers = Math.ceil(sockets / 10);
  const rooms = Array.from(
    { length: Math.ceil((sockets + leavers) / USERS_PER_ROOM) },
    (_, at) => `presence-room.${at}`,
  );
  const crowd = Array.from({ length: sockets + leavers }, (_, at) => {
    const channels = [`private-user.${at}`, rooms[at % rooms.length] ?? ''];
    return new LightClient(`u${at}`, endpointOf(balancer), channels);
  });
  const watchers = [1, 2].map((at) => new Watcher(`watcher${at}`, site.endpoint(at), rooms));
  try {
    await subscribeAll([...watchers.map(({ client }) => client), ...crowd]);
    await eventually(() => seen(watchers, crowd) === crowd.length * 2, 'all rosters are whole', LIMIT_MS);
    const scene = {
      site,
      rooms,
      watchers,
      returning: crowd.slice(leavers),
      leaving: crowd.slice(0, leavers),
    };
    open = [1, 2];
    return await killed(scene, leaseSeconds);
  } finally {
    for (const client of [...crowd, ...watchers.map((watcher) => watcher.client)]) client.close();
    await balancer.close();
    await site.close();
  }
}

async function killed(
  { site, rooms, watchers, returning, leaving }: Scene,
  lease: number,
): Promise<Figure[]> {
  for (const client of leaving) client.reconnects = false;
  const cpu = cpuSeconds(site);
  const before = performance.now();
  site.nodes[0]?.kill('SIGKILL');
  await site.nodes[0]?.exited;
  const isBack = ({ subscribedSinceMs: sinceMs = 0 }: LightClient): boolean => sinceMs > before;
  await eventually(() => returning.every(isBack), 'everybody is back', LIMIT_MS);
  const spent = cpuSeconds(site).map((each, at) => each - (cpu[at] ?? 0));
  const [one, other, here] = spent;
  const backMs = returning.map(({ subscribedSinceMs: sinceMs = Infinity }) => sinceMs - before);
  await eventually(() => seen(watchers, leaving) === 0, 'the last ghost is gone', LIMIT_MS).catch(
    () => undefined,
  );
  const goneMs = Math.max(...watchers.map(({ lastRemovalMs }) => lastRemovalMs - before));
  // A change that is sent twice is sent late.
  await sleep(lease * 500);
  const expected = new Set([
    ...returning.map(({ user }) => user),
    ...watchers.map(({ client }) => client.user),
  ]);
  const [ghosts, absent] = await differences(site, rooms, expected);
  const name = `node killed, lease ${lease} s:`;
  const none = { unit: '', goal: '0' };
  return [
    { name: `${name} 99 % back`, value: quantile(backMs, 0.99), unit: 'ms', goal: '<= 5000' },
    {
      name: `${name} 100 % back`,
      value: quantile(backMs, 1),
      unit: 'ms',
      goal: '<= 15000',
      more: { 'CPU s of one node': one, 'the other': other, 'clients and balancer': here },
    },
    { name: `${name} last ghost gone`, value: goneMs, unit: 'ms', goal: `<= ${lease * 1250}` },
    { name: `${name} told more than once`, value: sum(watchers.map(({ repeated }) => repeated)), ...none },
    { name: `${name} removals missing`, value: seen(watchers, leaving), ...none },
    {
      name: `${name} present, told gone`,
      value: returning.length * watchers.length - seen(watchers, returning),
      ...none,
    },
    { name: `${name} ghosts in the API`, value: ghosts, ...none },
    { name: `${name} members missing in the API`, value: absent, ...none },
  ];
}

/** CPU time of the two remaining nodes, and of the clients and the balancer. */
const cpuSeconds = (site: BenchCluster): number[] =>
  [...site.nodes.slice(1).map(({ pid }) => pid), process.pid].map((pid) => cpuUs(pid) / 1e6);

const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0);

/** Surplus and missing members in the rosters that the API returns. */
async function differences(
  site: BenchCluster,
  rooms: readonly string[],
  expected: ReadonlySet<string>,
): Promise<[number, number]> {
  let [ghosts, present] = [0, 0];
  for (const room of rooms) {
    const { json } = await publisher(site.endpoint(1)).get(`/channels/${room}/users`);
    for (const { id } of (json as { users: { id: string }[] }).users) {
      if (expected.has(id)) present += 1;
      else ghosts += 1;
    }
  }
  // Watchers are on all rooms.
  return [ghosts, expected.size - 2 + rooms.length * 2 - present];
}
