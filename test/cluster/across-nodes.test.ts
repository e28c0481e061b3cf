/** Protocol cases with clients on several nodes. */
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
const users = async (node: number, channel: string): Promise<unknown> =>
  (await on(node).get(`/channels/${channel}/users`)).json;

test('4.4 S16 a user on two nodes leaves one, then the other: all nodes send one member_removed', async () => {
  const channel = on(0).name('presence-room');
  const watchers = [
    await on(0).subscriber(channel, { member: member('1') }),
    await on(2).subscriber(channel, { member: member('2') }),
  ];
  const first = await on(0).subscriber(channel, { member: member('9') });
  const second = await on(1).subscriber(channel, { member: member('9') });
  for (const wire of watchers) {
    const added = [await wire.next('pusher_internal:member_added', 5_000)];
    if (wire === watchers[0]) added.push(await wire.next('pusher_internal:member_added'));
    same((dataOf(added.at(-1)!) as { user_id: string }).user_id, '9', 'the user who joined last');
  }
  await first.close();
  await eventually(
    async () => JSON.stringify(await users(2, channel)).includes('"9"'),
    'the user is still a member',
  );
  await on(0).receivesNothing(...watchers);
  await second.close();
  for (const wire of watchers) {
    const removal = await wire.next('pusher_internal:member_removed');
    same(dataOf(removal), { user_id: '9' }, 'the user who left');
  }
  await eventually(
    async () => !JSON.stringify(await users(2, channel)).includes('"9"'),
    'the user is removed',
  );
  await on(0).receivesNothing(...watchers);
});

test('4.4 S17 removes the users of a killed node and corrects the counts when its lease ends', async () => {
  const channel = on(0).name('presence-room');
  const watcher = await on(0).subscriber(channel, { member: member('7') });
  await on(2).subscriber(channel, { member: member('9') });
  await on(2).subscriber(channel, { member: member('9') });
  same(
    (dataOf(await watcher.next('pusher_internal:member_added')) as { user_id: string }).user_id,
    '9',
    'the user who joined',
  );
  await cluster.node(2).kill();
  const removal = await watcher.next('pusher_internal:member_removed', LEASE_MS * 3);
  same(dataOf(removal), { user_id: '9' }, 'the user who left');
  expect(await users(1, channel)).toEqual({ users: [{ id: '7' }] });
  expect(await on(1).channel(channel, 'user_count')).toMatchObject({ occupied: true, user_count: 1 });
  await on(0).receivesNothing(watcher);
  await cluster.node(2).start();
});

test('8.4 H09 excludes the socket of socket_id on any node', async () => {
  const channel = on(0).name('news');
  const [a, b] = [await on(0).subscriber(channel), await on(1).subscriber(channel)];
  await on(2).publish('first', '1', channel, { socket_id: a.socketId });
  same((await b.next('first')).channel, channel, 'channel of the event');
  await on(2).publish('second', '2', channel, { socket_id: '1.1' });
  await Promise.all([a.next('second'), b.next('second')]);
  await on(0).receivesNothing(a, b);
});

test('8.8 H19 every node lists each user of all nodes once', async () => {
  const channel = on(0).name('presence-room');
  await on(0).subscriber(channel, { member: member('7') });
  await on(1).subscriber(channel, { member: member('9') });
  await on(1).subscriber(channel, { member: member('7') });
  for (const node of [0, 1, 2])
    expect(await users(node, channel)).toEqual({ users: [{ id: '7' }, { id: '9' }] });
});

test('6.7 U06 a user signed in on two nodes is terminated on both', async () => {
  const wires = [await on(0).signedIn({ id: '12345' }), await on(1).signedIn({ id: '12345' })];
  const other = await on(1).signedIn({ id: '6' });
  const answer = await on(2).publisher.post('/users/12345/terminate_connections', {});
  expect([answer.status, answer.json]).toEqual([200, {}]);
  for (const wire of wires) expect((await wire.closing()).code).toBe(4009);
  await on(0).receivesNothing(other);
});
