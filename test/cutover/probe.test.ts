import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { clientUrl } from '../../src/cutover/client/client-socket.ts';
import { readServerFrame } from '../../src/cutover/client/read-frame.ts';
import { refusalIn, socketIdIn } from '../../src/cutover/probe/probe-frame.ts';
import { type ReceivedEvent, Probe, ProbeRefused } from '../../src/cutover/probe/probe.ts';
import { type ProbeSite, publishAtSite } from '../../src/cutover/probe/probe-site.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import type { TestServer } from '../support/server.ts';
import { probeSiteAt } from './faulty-servers.ts';

const TIMEOUT_MS = 10_000;
const ENV = { REVERB_APP_ID: APP.id, REVERB_APP_KEY: APP.key, REVERB_APP_SECRET: APP.secret };

let standIn: TestServer;
const cleanUps: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  standIn = await startStandIn(ENV);
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});
afterAll(() => standIn.close());

async function open(changes: Partial<ProbeSite> = {}) {
  const arrivals: ReceivedEvent[] = [];
  const site = probeSiteAt(standIn.port, changes);
  const probe = await Probe.open(site, { timeoutMs: TIMEOUT_MS, received: (each) => arrivals.push(each) });
  cleanUps.push(() => probe.close());
  return { probe, arrivals, site };
}

describe('at a server that answers as Reverb does', () => {
  test('11.16 a probe subscribes to channels of each kind, and receives their events', async () => {
    const { probe, arrivals, site } = await open();
    const channels = ['orders', 'private-orders', 'presence-orders', 'cache-orders'];
    for (const channel of channels)
      await probe.subscribe(
        channel,
        channel.startsWith('presence-') ? { userId: 'probe', info: {} } : undefined,
      );
    for (const channel of channels) {
      const event = { name: 'changed', channel, data: '{"a":1}' };
      expect((await publishAtSite(site, event, { timeoutMs: TIMEOUT_MS })).status).toBe(200);
    }
    await probe.roundTrip();
    expect(arrivals.map(({ name, channel, data }) => [name, channel, data])).toEqual(
      channels.map((channel) => ['changed', channel, '{"a":1}']),
    );
  });

  test('11.16 a refusal without a channel belongs to the channel that was requested', async () => {
    const { probe } = await open({ credential: { ...APP, secret: 'another' } });
    const refusal = (await probe.subscribe('private-a').catch((error: unknown) => error)) as ProbeRefused;
    expect(refusal).toBeInstanceOf(ProbeRefused);
    expect(refusal.message).toMatch(/\(4009\)$/);
    await probe.subscribe('orders');
    expect(probe.isOpen).toBe(true);
  });

  test('11.17 an unknown key is refused for good', async () => {
    const refusal = (await open({ credential: { ...APP, key: 'nobody' } }).catch(
      (error: unknown) => error,
    )) as ProbeRefused;
    expect([refusal.message, refusal.isPermanent]).toEqual(['Application does not exist (4001)', true]);
  });

  test('11.14 a wrong secret is refused by the API', async () => {
    const site = probeSiteAt(standIn.port, { credential: { ...APP, secret: 'another' } });
    const event = { name: 'a', channel: 'orders', data: '1' };
    expect((await publishAtSite(site, event, { timeoutMs: TIMEOUT_MS })).status).toBe(401);
  });

  test('11.14 a close by the server ends the probe and its pending requests', async () => {
    const own = await startStandIn(ENV);
    cleanUps.push(() => own.close());
    const { probe } = await open({ url: new URL(`http://127.0.0.1:${own.port}`) });
    const pending = probe.roundTrip();
    own.kill('SIGKILL');
    await pending.catch(() => undefined);
    await probe.closed;
    expect(probe.isOpen).toBe(false);
    await expect(probe.subscribe('orders')).rejects.toThrow();
  });
});

describe('frames', () => {
  const socketIdOf = (text: string) => socketIdIn(readServerFrame(text)!);
  const refusalOf = (text: string) => refusalIn(readServerFrame(text)!);

  test('11.14 are read as client libraries read them', () => {
    expect(socketIdOf('{"event":"pusher:connection_established","data":{"socket_id":"1.2"}}')).toBe('1.2');
    expect(refusalOf('{"event":"pusher:error","data":{"code":null,"message":"no"}}')).toEqual({
      code: undefined,
      message: 'no',
    });
    expect(refusalOf('{"event":"pusher:error","data":"{\\"code\\":4009,\\"message\\":\\"no\\"}"}')).toEqual({
      code: 4009,
      message: 'no',
    });
    const error =
      '{"event":"pusher:subscription_error","channel":"a","data":{"type":"AuthError","status":401}}';
    expect(readServerFrame(error)).toMatchObject({ channel: 'a' });
    expect(refusalOf(error)).toEqual({ code: 401, message: 'AuthError' });
    expect(refusalOf('{"event":"pusher:error"}')).toEqual({ code: undefined, message: 'refused' });
    const event = '{"event":"a","channel":"c","data":[1],"user_id":"7"}';
    expect(readServerFrame(event)).toMatchObject({ data: [1], userId: '7' });
    expect(refusalOf(event)).toBeUndefined();
  });

  test.each(['', 'null', '[]', '7', '{}', '{"event":7}', 'no JSON'])(
    '11.14 text that is not a frame is ignored: %s',
    (text) => {
      expect(readServerFrame(text)).toBeUndefined();
    },
  );
});

test('11.14 addresses keep the path of the server', () => {
  const site = probeSiteAt(1, { url: new URL('https://rt.test:8443/reverb/') });
  const client = { key: 'app-key', client: 'wavehall-probe' };
  expect(clientUrl(site, client).href).toBe(
    'wss://rt.test:8443/reverb/app/app-key?protocol=7&client=wavehall-probe&version=1.0',
  );
  expect(clientUrl(probeSiteAt(80), client).href).toBe(
    'ws://127.0.0.1/app/app-key?protocol=7&client=wavehall-probe&version=1.0',
  );
});
