/** Clients of both processes while one replaces the other without Redis: one server for all (SPEC 2.17). */
import type { Channel } from 'pusher-js';
import { expect, onTestFinished, test, vi } from 'vitest';
import { optionsFor, Pusher, subscribeTo } from '../../clients/stock-clients.ts';
import { sdkFor } from '../../clients/sdk.ts';
import { APP, appAt } from '../../support/app.ts';
import { startEndpoint, webhookVariables } from '../../support/webhooks.ts';
import { status } from '../../webhooks/receiver.ts';
import type { TestServer } from '../../support/server.ts';
import { channelAuth } from '../../support/wire-http.ts';
import { eventually, Wire } from '../../support/wire.ts';
import { admin, LONG_MS, openClient, operate, operated, startOperated } from '../operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });
const ROOM = 'presence-room';

interface WithMembers extends Channel {
  readonly members: { readonly count: number };
}

/** Subscribes a raw client to the presence channel, as this user. */
async function enter(server: TestServer, client: Wire, user: string): Promise<void> {
  const data = JSON.stringify({ user_id: user });
  const auth = channelAuth(appAt(server), client.socketId, ROOM, data);
  client.send({ event: 'pusher:subscribe', data: { channel: ROOM, auth, channel_data: data } });
  await client.next('pusher_internal:subscription_succeeded', LONG_MS);
}

/** A server that has begun to drain for its successor, and waits: a member of a closed socket may come back. */
async function startDraining(env: Record<string, string> = {}) {
  const server = await startOperated({ ...operated(), WAVEHALL_DRAIN_PRESENCE_SECONDS: '60', ...env });
  const gone = await openClient(server);
  await enter(server, gone, 'gone');
  return {
    server,
    restart: async () => {
      expect((await admin(server, 'POST', '/restart')).status).toBe(202);
      expect((await gone.closing(LONG_MS)).code).toBe(4200);
    },
  };
}

test('2.13 who is back on the new process in time causes no news', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_DRAIN_SECONDS: '1' });
  const news: string[] = [];
  const channels: WithMembers[] = [];
  let entries = 0;
  for (const user of ['1', '2', '3', '4']) {
    const client = new Pusher(APP.key, {
      ...optionsFor(server),
      channelAuthorization: {
        endpoint: '',
        transport: 'ajax',
        customHandler: ({ socketId, channelName }, done) => {
          const data = JSON.stringify({ user_id: user });
          const auth = channelAuth(appAt(server), socketId, channelName, data);
          done(null, { auth, channel_data: data });
        },
      },
    });
    onTestFinished(() => client.disconnect());
    const { channel } = await subscribeTo(client, ROOM);
    channel.bind('pusher:subscription_succeeded', () => (entries += 1));
    channels.push(channel as WithMembers);
  }
  await expect.poll(() => channels.every(({ members }) => members.count === 4)).toBe(true);
  for (const channel of channels)
    for (const event of ['pusher:member_added', 'pusher:member_removed'])
      channel.bind(event, ({ id }: { id: string }) => news.push(`${event} ${id}`));
  expect((await operate(server, ['restart'])).code).toBe(0);
  await expect.poll(() => entries, { timeout: LONG_MS }).toBe(4);
  expect(channels.map(({ members }) => members.count)).toEqual([4, 4, 4, 4]);
  await sdkFor(server).trigger(ROOM, 'fence', {});
  expect(news).toEqual([]);
});

test('4.4 who does not come back leaves after the time, for the members on the new process', async () => {
  const { server, restart } = await startDraining({ WAVEHALL_DRAIN_PRESENCE_SECONDS: '3' });
  await restart();
  const stays = await openClient(server);
  await enter(server, stays, 'stays');
  expect(await stays.next('pusher_internal:member_removed', LONG_MS)).toMatchObject({ channel: ROOM });
});

test('2.7 a second restart while the old process drains is refused, and a stop ends both with exit code 0', async () => {
  const { server, restart } = await startDraining();
  await restart();
  const second = await operate(server, ['restart']);
  expect([second.code, second.stderr]).toEqual([
    1,
    'wavehall: The server stops, or a restart is running already: 0 of 1 workers are replaced.\n',
  ]);
  const late = await openClient(server);
  server.kill();
  expect((await late.closing(LONG_MS)).code).toBe(4200);
  server.kill();
  expect(await server.exited).toBe(0);
});

test('10.9 a session over HTTP on the old process is served through the new one', async () => {
  const { server, restart } = await startDraining({ WAVEHALL_DRAIN_SECONDS: '20' });
  const address = { ...server, transport: 'xhr_polling' } as const;
  const sockets = await Promise.all(
    Array.from({ length: 100 }, () => Wire.open(address, `/pusher/app/${APP.key}?protocol=7`)),
  );
  onTestFinished(() => sockets.forEach((socket) => socket.drop()));
  for (const socket of sockets) await socket.next('pusher:connection_established', LONG_MS);
  await restart();
  // Their requests reach the new process now.
  for (const socket of sockets) expect((await socket.closing(LONG_MS)).code).toBe(4200);
});

test('9.6 webhooks that failed before a restart are delivered by the new process, once and in their order', async () => {
  const endpoint = await startEndpoint('hook', ['channel_occupied', 'channel_vacated']);
  onTestFinished(() => endpoint.close());
  endpoint.receiver.answer = status(503);
  const server = await startOperated({ ...operated(), ...webhookVariables([endpoint.json]) });
  const client = await openClient(server);
  const names = Array.from({ length: 20 }, (_, at) => `c${at}`);
  for (const channel of names) client.send({ event: 'pusher:subscribe', data: { channel } });
  for (const name of names) await client.next((frame) => frame.channel === name, LONG_MS);
  await eventually(() => endpoint.receiver.requests.length > 0, 'a first attempt', LONG_MS);
  expect((await operate(server, ['restart'])).code).toBe(0);
  endpoint.receiver.requests.splice(0);
  endpoint.receiver.answer = status(200);
  await eventually(
    () => endpoint.events().length >= 2 * names.length,
    'both events of each channel',
    2 * LONG_MS,
  );
  for (const name of names)
    expect(
      endpoint
        .events()
        .filter(({ channel }) => channel === name)
        .map((event) => event.name),
    ).toEqual(['channel_occupied', 'channel_vacated']);
});
