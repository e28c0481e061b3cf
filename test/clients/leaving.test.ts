/** A disconnect of a stock client takes effect at once in every count and list. */
import { afterEach, expect, test } from 'vitest';
import { ask } from './sdk.ts';
import { subscribeTo, inState, openClients, type ClientsContext } from './stock-clients.ts';

let clients: ClientsContext | undefined;
afterEach(() => clients?.close());

test('2.15 pusher-js disconnects and reconnects at once with a quota of one connection: 20 times of 20', async () => {
  clients = await openClients({ REVERB_APP_MAX_CONNECTIONS: '1' });
  const pusher = clients.pusher();
  const failures: unknown[] = [];
  pusher.connection.bind('error', (error: unknown) => failures.push(error));
  await inState(pusher, 'connected');
  for (let round = 1; round <= 20; round += 1) {
    const before = pusher.connection.socket_id;
    pusher.disconnect();
    pusher.connect();
    await expect
      .poll(() => pusher.connection.state === 'connected' && pusher.connection.socket_id !== before, {
        timeout: 5_000,
        interval: 10,
      })
      .toBe(true);
  }
  expect(failures).toEqual([]);
}, 60_000);

test('4.3 removes the member from every list right after disconnect(), 50 times of 50', async () => {
  clients = await openClients();
  const pusher = clients.pusher('7');
  const name = clients.name('presence-room');
  const users = () => ask(clients!.sdk, `/channels/${name}/users`, {});
  await inState(pusher, 'connected');
  await subscribeTo(pusher, name);
  for (let round = 1; round <= 50; round += 1) {
    await expect.poll(users, { interval: 5 }).toEqual({ users: [{ id: '7' }] });
    pusher.disconnect();
    expect(await users()).toEqual({ users: [] });
    pusher.connect();
    await inState(pusher, 'connected');
  }
  expect(await ask(clients.sdk, '/connections', {})).toEqual({ connections: 1 });
}, 90_000);
