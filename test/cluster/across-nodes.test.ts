/** Cases of the protocol that are about several nodes. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { same } from '../conformance/expect.ts';
import { CaseTools, member } from '../conformance/case-tools.ts';
import { Cluster, LEASE_MS } from '../support/cluster.ts';
import { dataOf, eventually } from '../support/wire.ts';

let cluster: Cluster;
let sites: CaseTools[];
beforeAll(async () => {
  cluster = await Cluster.start();
  sites = cluster.nodes.map(({ endpoint }) => new CaseTools(endpoint));
});
afterEach(async () => {
  for (const site of sites) await site.cleanUp();
});
afterAll(() => cluster.close());

const on = (node: number): CaseTools => sites[node]!;
const users = async (node: number, room: string): Promise<unknown> =>
  (await on(node).get(`/channels/${room}/users`)).json;

test('4.4 S16 a user on two nodes leaves one, then the other: one member_removed on all nodes', async () => {
  const room = on(0).name('presence-room');
  const watchers = [
    await on(0).subscriber(room, { member: member('1') }),
    await on(2).subscriber(room, { member: member('2') }),
  ];
  const first = await on(0).subscriber(room, { member: member('9') });
  const second = await on(1).subscriber(room, { member: member('9') });
  for (const wire of watchers) {
    const news = [await wire.next('pusher_internal:member_added', 5_000)];
    if (wire === watchers[0]) news.push(await wire.next('pusher_internal:member_added'));
    same((dataOf(news.at(-1)!) as { user_id: string }).user_id, '9', 'who came last');
  }
  await first.close();
  await eventually(async () => JSON.stringify(await users(2, room)).includes('"9"'), 'he is still there');
  await on(0).silent(...watchers);
  await second.close();
  for (const wire of watchers) {
    const gone = await wire.next('pusher_internal:member_removed');
    same(dataOf(gone), { user_id: '9' }, 'who went');
  }
  await eventually(async () => !JSON.stringify(await users(2, room)).includes('"9"'), 'he is gone');
  await on(0).silent(...watchers);
});

test('4.4 S17 a node that is killed: its users are removed and counts corrected within its lease', async () => {
  const room = on(0).name('presence-room');
  const watcher = await on(0).subscriber(room, { member: member('7') });
  await on(2).subscriber(room, { member: member('9') });
  await on(2).subscriber(room, { member: member('9') });
  same(
    (dataOf(await watcher.next('pusher_internal:member_added')) as { user_id: string }).user_id,
    '9',
    'who came',
  );
  await cluster.node(2).kill();
  const gone = await watcher.next('pusher_internal:member_removed', LEASE_MS * 3);
  same(dataOf(gone), { user_id: '9' }, 'who went');
  expect(await users(1, room)).toEqual({ users: [{ id: '7' }] });
  expect(await on(1).channel(room, 'user_count')).toMatchObject({ occupied: true, user_count: 1 });
  await on(0).silent(watcher);
  await cluster.node(2).start();
});

test('8.4 H09 excludes the socket that publishes, on whichever node it is', async () => {
  const channel = on(0).name('news');
  const [a, b] = [await on(0).subscriber(channel), await on(1).subscriber(channel)];
  await on(2).publish('first', '1', channel, { socket_id: a.socketId });
  same((await b.next('first')).channel, channel, 'what the other gets');
  await on(2).publish('second', '2', channel, { socket_id: '1.1' });
  await Promise.all([a.next('second'), b.next('second')]);
  await on(0).silent(a, b);
});

test('8.8 H19 users over two nodes are listed once each, by either node', async () => {
  const room = on(0).name('presence-room');
  await on(0).subscriber(room, { member: member('7') });
  await on(1).subscriber(room, { member: member('9') });
  await on(1).subscriber(room, { member: member('7') });
  for (const node of [0, 1, 2])
    expect(await users(node, room)).toEqual({ users: [{ id: '7' }, { id: '9' }] });
});

test('6.7 U06 a user signed in on two nodes is terminated on both', async () => {
  const wires = [await on(0).signedIn({ id: '12345' }), await on(1).signedIn({ id: '12345' })];
  const other = await on(1).signedIn({ id: '6' });
  const answer = await on(2).publisher.post('/users/12345/terminate_connections', {});
  expect([answer.status, answer.json]).toEqual([200, {}]);
  for (const wire of wires) expect((await wire.closing()).code).toBe(4009);
  await on(0).silent(other);
});
