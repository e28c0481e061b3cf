import { expect, test } from 'vitest';
import { LiveApps } from '../../src/apps/sql/live-apps.ts';
import { applyAppChanges } from '../../src/core/client/app-changes.ts';
import { openCore, settled, testApp } from './fakes.ts';

function openLive(apps = [testApp()]) {
  const live = new LiveApps();
  live.replace(apps);
  const core = openCore({ provider: live });
  live.onChange((changes) => applyAppChanges(core.hub, changes));
  return { ...core, live };
}

test('2.18 an open connection is judged by the app as it is now, and keeps its channels', async () => {
  const { live, connect, hub } = openLive();
  const client = await connect();
  client.subscribe('a-long-name');
  await settled();
  live.replace([testApp({ limits: { channelNameLength: 5 } })]);
  expect([...hub.connections()][0]?.app.limits.channelNameLength).toBe(5);
  expect([...hub.connections()][0]?.subscriptions).toHaveLength(1);
});

test('2.18 all clients of an app that is disabled or removed are closed with 4003, and no others', async () => {
  const other = testApp({ id: 'b', credentials: [{ key: 'b', secret: 'b' }] });
  const { live, connect } = openLive([testApp(), other]);
  const clients = await Promise.all(Array.from({ length: 450 }, () => connect()));
  const bystander = await connect({ appKey: 'b' });
  live.replace([testApp({ enabled: false }), other]);
  await settled(10);
  expect(new Set(clients.map(({ socket }) => socket.closed?.code))).toEqual(new Set([4003]));
  live.replace([]);
  await settled(10);
  expect(bystander.socket.closed?.code).toBe(4003);
});

test('2.18 an app that is enabled again in between keeps the clients that it still has', async () => {
  const { live, connect } = openLive();
  const clients = await Promise.all(Array.from({ length: 250 }, () => connect()));
  live.replace([testApp({ enabled: false })]);
  live.replace([testApp()]);
  await settled(10);
  expect(clients.filter(({ socket }) => socket.closed === undefined)).toHaveLength(50);
});

test('2.18 a client that connects while its app is disabled is refused', async () => {
  const { live, open, stores } = openLive();
  const admit = stores.quota.admit.bind(stores.quota);
  stores.quota.admit = async (app, most) => {
    live.replace([testApp({ enabled: false })]);
    return admit(app, most);
  };
  const client = open();
  await settled();
  expect(client.socket.closed?.code).toBe(4003);
});

test('2.18 nobody is told that an app does not exist before the apps are known', async () => {
  const apps = new LiveApps();
  await expect(apps.byKey('app-key')).rejects.toThrow('not read yet');
  await expect(apps.byId('app-id')).rejects.toThrow('not read yet');
  apps.replace([]);
  expect(await apps.byKey('app-key')).toBeUndefined();
});

test('2.18 a rate that changes counts from the next message', async () => {
  const { live, connect, hub } = openLive([testApp({ limits: { clientEventsPerSecond: 1 } })]);
  const client = await connect();
  client.subscribe('news');
  await settled();
  const [connection] = hub.connections();
  if (connection === undefined) throw new Error('no connection');
  connection.limiters = { clientEventsInFlight: 2 };
  live.replace([testApp({ limits: { clientEventsPerSecond: 5 } })]);
  expect(connection.limiters).toEqual({ clientEventsInFlight: 2 });
});
