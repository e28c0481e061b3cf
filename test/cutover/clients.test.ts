/** Stock clients and the stock SDK at the front door: a client that changes sides reconnects once. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { APP } from '../support/app.ts';
import { startApplication } from '../clients/application.ts';
import { EventRecorder } from '../clients/event-recorder.ts';
import { ask, sdkFor } from '../clients/sdk.ts';
import { authFor, subscribeTo, inState, membersOf, optionsFor, Pusher } from '../clients/stock-clients.ts';
import { startRedis } from '../support/redis.ts';
import { startFrontDoor, startTestServer } from './servers.ts';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

type RunningServer = Awaited<ReturnType<typeof startTestServer>>;

async function client(server: RunningServer, user: string) {
  const application = await startApplication(server, {});
  const pusher = new Pusher(APP.key, { ...optionsFor(server), ...authFor(application, user) });
  onTestFinished(async () => {
    pusher.disconnect();
    await application.close();
  });
  await inState(pusher, 'connected');
  return pusher;
}

const set = (frontDoor: RunningServer, percent: number, move = true) =>
  frontDoor.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent, move }) });

const bridged = (frontDoor: RunningServer) =>
  waitFor(async () => expect((await frontDoor.status()).bridge[0]?.connected).toBe(true));

describe('pusher-js', () => {
  test('11.18 one client at each server receives each event once, whichever server it was published on', async () => {
    const upstream = await startTestServer();
    const frontDoor = await startFrontDoor(upstream, 100);
    await bridged(frontDoor);
    const [onWavehall, onUpstream] = await Promise.all([client(frontDoor, '1'), client(upstream, '2')]);
    const listeners = [
      await subscribeTo(onWavehall, 'private-orders'),
      await subscribeTo(onUpstream, 'private-orders'),
    ];
    for (const [at, server] of [frontDoor, upstream, frontDoor, upstream].entries()) {
      await sdkFor(server).trigger('private-orders', 'placed', { at });
      for (const { recorder } of listeners) await recorder.next('placed');
    }
    await sdkFor(frontDoor).trigger('private-orders', 'last', {});
    for (const { recorder } of listeners) {
      await recorder.next('last');
      expect(recorder.all('placed')).toEqual([{ at: 0 }, { at: 1 }, { at: 2 }, { at: 3 }]);
    }
  });

  test('11.4 is moved to Wavehall and back to the upstream with one reconnect each, and receives events again', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 0);
    await bridged(frontDoor);
    const pusher = await client(frontDoor, '1');
    const { recorder } = await subscribeTo(pusher, 'presence-room');
    const states = new EventRecorder(pusher.connection);
    for (const [percent, side] of [
      [100, 'wavehall'],
      [0, 'upstream'],
    ] as const) {
      const before = pusher.connection.socket_id;
      await set(frontDoor, percent);
      await states.next('connected');
      await recorder.next('pusher:subscription_succeeded');
      expect(pusher.connection.socket_id).not.toBe(before);
      expect((await frontDoor.status()).split.open[side]).toBe(1);
      await sdkFor(frontDoor).trigger('presence-room', `at-${side}`, {});
      await recorder.next(`at-${side}`);
      expect(recorder.count(`at-${side}`)).toBe(1);
    }
    expect(states.count('connected')).toBe(2);
    expect(membersOf(pusher.channel('presence-room') as never).count).toBe(1);
  });

  test('11.3 connects through the front door while the upstream is down', async () => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 0);
    const { recorder } = await subscribeTo(await client(frontDoor, '1'), 'orders');
    await sdkFor(frontDoor).trigger('orders', 'placed', { id: 1 });
    expect(await recorder.next('placed')).toEqual({ id: 1 });
    expect(await ask(sdkFor(frontDoor), '/channels')).toEqual({ channels: { orders: {} } });
  });
});

describe('several nodes', () => {
  test('11.4 share the percentage over Redis, also with a node that starts later', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const upstream = await startTestServer();
    const shared = { REVERB_SCALING_ENABLED: 'true', REDIS_PORT: String(redis.port) };
    const [one, two] = [await startFrontDoor(upstream, 0, shared), await startFrontDoor(upstream, 0, shared)];
    await set(one, 33.3, false);
    const percentOf = async (frontDoor: RunningServer) => (await frontDoor.status()).percentage.percent;
    await waitFor(async () => expect(await percentOf(two)).toBe(33.3));
    const three = await startFrontDoor(upstream, 0, shared);
    expect(await percentOf(three)).toBe(33.3);
    await two.admin('/cutover/rollback', { method: 'POST' });
    await waitFor(async () => expect(await Promise.all([one, two, three].map(percentOf))).toEqual([0, 0, 0]));
  });
});
