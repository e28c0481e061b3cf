/** Limits of what clients hold of this server while their sockets are proxied to the upstream. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { UpstreamSide } from '../../src/cutover/split/upstream-side.ts';
import { temporaryFile } from '../cli/command.ts';
import { startRedis } from '../support/redis.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { publisher } from '../support/wire-http.ts';
import { textFrame, upgradeText } from '../support/wire-tcp.ts';
import { Wire } from '../support/wire.ts';
import { startFrontDoor, startTestServer } from './servers.ts';
import { acceptResponse, SECRET_RESPONSE, sendRaw, startRecordingUpstream } from './recording-upstream.ts';

const PATH = `/app/${APP.key}?protocol=7`;
const BUCKET = (bucket: number) => ({ headers: { cookie: `wavehall_bucket=${bucket}` } });

describe('sockets that are led to the other side count', () => {
  test('2.7 both ends in WAVEHALL_MAX_CONNECTIONS: 2 of 5 places each, the next is refused with 4100', async () => {
    const door = await startFrontDoor(await startRecordingUpstream(), 0, { WAVEHALL_MAX_CONNECTIONS: '5' });
    const led = [sendRaw(door.port, upgradeText(PATH)), sendRaw(door.port, upgradeText(PATH))];
    for (const client of led) expect(await client.answered()).toBe(101);
    const third = sendRaw(door.port, upgradeText(PATH));
    await vi.waitFor(() => expect(third.text()).toContain('4100'));
    expect((await door.status()).split.open.upstream).toBe(2);
    const metrics = await (await door.admin('/metrics')).text();
    expect(metrics).toMatch(/wavehall_refusals_total\{[^}]*reason="server_full"[^}]*\} 1/);
    led[0]?.socket.destroy();
    await vi.waitFor(async () => expect((await door.status()).split.open.upstream).toBe(1));
    await vi.waitFor(async () => {
      const again = sendRaw(door.port, upgradeText(PATH));
      await again.answered();
      await vi.waitFor(() => expect(again.text()).toContain('Accept'));
      expect(again.text()).not.toContain('4100');
    });
  });

  test('2.7 with those of this side, by address', async () => {
    const door = await startFrontDoor(await startRecordingUpstream(), 50, {
      WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: '2',
    });
    const ours = await Wire.open(door, PATH, BUCKET(1));
    expect((await ours.first()).event).toBe('pusher:connection_established');
    const led = sendRaw(door.port, upgradeText(PATH, { Cookie: 'wavehall_bucket=9999' }));
    expect(await led.answered()).toBe(101);
    for (const bucket of [1, 9999]) {
      const next = sendRaw(door.port, upgradeText(PATH, { Cookie: `wavehall_bucket=${bucket}` }));
      await vi.waitFor(() => expect(next.text()).toContain('4100'));
    }
    await ours.close();
  });
});

describe('sockets that are led to the other side are connections of the app', () => {
  const reverb = async () => {
    const app = { REVERB_APP_ID: APP.id, REVERB_APP_KEY: APP.key, REVERB_APP_SECRET: APP.secret };
    const other = await startStandIn(app);
    onTestFinished(() => other.close());
    return other;
  };
  const connect = (door: { host: string; port: number }, bucket: number) =>
    Wire.open(door, PATH, BUCKET(bucket));
  const greeted = async (door: { host: string; port: number }, bucket: number) => {
    const wire = await connect(door, bucket);
    expect((await wire.first()).event).toBe('pusher:connection_established');
    return wire;
  };
  const connections = async (door: Parameters<typeof publisher>[0]) =>
    (await publisher(door).get('/connections')).json;

  test('2.7 both sides share REVERB_APP_MAX_CONNECTIONS: the one above it is refused with 4004 on either side', async () => {
    const door = await startFrontDoor(await reverb(), 50, { REVERB_APP_MAX_CONNECTIONS: '3' });
    const [ours, led] = [await greeted(door, 1), await greeted(door, 9999)];
    await greeted(door, 9998);
    expect(await connections(door)).toEqual({ connections: 3 });
    for (const bucket of [1, 9999]) {
      const refused = await connect(door, bucket);
      expect(await refused.first()).toMatchObject({ event: 'pusher:error', data: { code: 4004 } });
      expect(await refused.closing()).toMatchObject({ code: 4004 });
    }
    const metrics = await (await door.admin('/metrics')).text();
    expect(metrics).toMatch(/wavehall_refusals_total\{[^}]*reason="app_quota"[^}]*\} 2/);
    await led.close();
    await greeted(door, 1);
    await ours.close();
    await greeted(door, 9999);
    expect(await (await connect(door, 9999)).first()).toMatchObject({ event: 'pusher:error' });
  });

  test('2.7 the place of a client that leaves and comes again at once is free for it', async () => {
    const door = await startFrontDoor(await reverb(), 0, { REVERB_APP_MAX_CONNECTIONS: '1' });
    for (let again = 0; again < 20; again += 1) {
      const wire = await greeted(door, 9999);
      void wire.close();
    }
    await vi.waitFor(async () => expect(await connections(door)).toEqual({ connections: 0 }));
  });

  test('2.7 what the other side refuses, or does not answer, takes no place', async () => {
    const other = await startRecordingUpstream((head, socket) => {
      if (head.includes('refuse')) return 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n';
      socket.destroy();
      return undefined;
    });
    const door = await startFrontDoor(other, 0, { REVERB_APP_MAX_CONNECTIONS: '1' });
    for (let again = 0; again < 3; again += 1)
      expect(await sendRaw(door.port, upgradeText(`${PATH}&refuse`)).answered()).toBe(403);
    // Served here after all, and counted once.
    await greeted(door, 9999);
    expect(await connections(door)).toEqual({ connections: 1 });
  });

  test('2.7 all nodes share it, and count each led socket once', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const env = {
      REVERB_APP_MAX_CONNECTIONS: '3',
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
    };
    const other = await reverb();
    const [one, two] = [await startFrontDoor(other, 50, env), await startFrontDoor(other, 50, env)];
    for (const [door, bucket] of [
      [one, 9999],
      [two, 9999],
      [two, 1],
    ] as const)
      await subscribed(await greeted(door, bucket));
    for (const door of [one, two]) {
      expect(await (await connect(door, 9999)).closing()).toMatchObject({ code: 4004 });
      await vi.waitFor(async () => expect(await connections(door)).toEqual({ connections: 3 }), 5000);
    }
  });
});

async function subscribed(wire: Wire): Promise<Wire> {
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await wire.next('pusher_internal:subscription_succeeded');
  return wire;
}

describe('sockets that are led to the other side end', () => {
  test('11.2 when no byte passes for WAVEHALL_CUTOVER_IDLE_SECONDS', async () => {
    const other = await startRecordingUpstream();
    const door = await startFrontDoor(other, 0, { WAVEHALL_CUTOVER_IDLE_SECONDS: '2' });
    const silent = sendRaw(door.port, upgradeText(PATH));
    const busy = sendRaw(door.port, upgradeText(PATH));
    await Promise.all([silent.answered(), busy.answered()]);
    const talk = setInterval(() => busy.socket.write('x'), 200);
    onTestFinished(() => clearInterval(talk));
    await silent.ended;
    expect(busy.socket.readableEnded).toBe(false);
    expect((await door.status()).split.open.upstream).toBe(1);
    expect(await (await door.admin('/metrics')).text()).toMatch(/reason="cutover_idle"[^}]*\} 1/);
  });

  test('11.2 when WAVEHALL_LINGER_SECONDS are over since the other end has left, and not before', async () => {
    const other = await startRecordingUpstream();
    const door = await startFrontDoor(other, 0, { WAVEHALL_LINGER_SECONDS: '1' });
    // It keeps its side open, and goes on writing.
    const client = sendRaw(door.port, upgradeText(PATH));
    expect(await client.answered()).toBe(101);
    const gone = new Promise((resolve) => client.socket.once('close', resolve));
    const sinceMs = performance.now();
    other.sockets[0]!.end('last words');
    const talk = setInterval(() => client.socket.write('x'), 50);
    onTestFinished(() => clearInterval(talk));
    await gone;
    expect(client.text()).toContain('last words');
    expect(performance.now() - sinceMs).toBeGreaterThan(900);
    expect(performance.now() - sinceMs).toBeLessThan(4500);
    await vi.waitFor(async () => expect((await door.status()).split.open.upstream).toBe(0));
  });

  test.each(['browser', 'server'] as const)(
    '11.2 when the %s takes no byte for WAVEHALL_STALL_SECONDS while bytes wait for it',
    async (end) => {
      const other = await startRecordingUpstream();
      const door = await startFrontDoor(other, 0, { WAVEHALL_STALL_SECONDS: '1' });
      const client = sendRaw(door.port, upgradeText(PATH));
      expect(await client.answered()).toBe(101);
      const upstream = other.sockets[0]!;
      const [reader, writer] = end === 'browser' ? [client.socket, upstream] : [upstream, client.socket];
      reader.pause();
      writer.on('error', () => undefined);
      const gone = new Promise((resolve) => writer.once('close', resolve));
      const chunk = Buffer.alloc(256 * 1024);
      const push = setInterval(() => writer.writableLength < 1_000_000 && writer.write(chunk), 5);
      onTestFinished(() => clearInterval(push));
      await gone;
      await vi.waitFor(async () => expect((await door.status()).split.open.upstream).toBe(0));
      expect(await (await door.admin('/metrics')).text()).toMatch(/reason="slow_reader"[^}]*\} 1/);
    },
  );
});

describe('what waits for the other side', () => {
  /** Seconds until `answer` is true. */
  const secondsUntil = async (answer: () => boolean): Promise<number> => {
    const sinceMs = performance.now();
    await vi.waitFor(() => expect(answer()).toBe(true), { timeout: 45_000, interval: 20 });
    return (performance.now() - sinceMs) / 1000;
  };

  test('11.3 an upgrade, for 5 seconds: then it is served here', async () => {
    const other = await startRecordingUpstream((head, socket) => {
      if (head.includes('late')) setTimeout(() => socket.write(acceptResponse(head), 'latin1'), 3500);
      return undefined;
    });
    const door = await startFrontDoor(other, 0);
    const late = sendRaw(door.port, upgradeText(`${PATH}&late`));
    const never = sendRaw(door.port, upgradeText(PATH));
    const [isLed, isServed] = await Promise.all([
      secondsUntil(() => late.text().includes('101')),
      secondsUntil(() => never.text().includes('connection_established')),
    ]);
    expect(late.text()).not.toContain('connection_established');
    expect(isLed).toBeGreaterThan(3.4);
    expect(isServed).toBeGreaterThan(4.9);
    expect(isServed).toBeLessThan(9);
    expect((await door.status()).split.failovers.wavehall).toBe(1);
  }, 60_000);

  test('11.2 another request, for 30 seconds: then it is answered with 502', async () => {
    const other = await startRecordingUpstream((head, socket) => {
      if (head.includes('late')) setTimeout(() => socket.write(SECRET_RESPONSE), 25_000);
      return undefined;
    });
    const door = await startFrontDoor(other, 0);
    const get = (path: string) => sendRaw(door.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const [late, never] = [get('/late'), get('/never')];
    const seconds = await secondsUntil(() => never.text().includes('did not answer in 30 s'));
    expect(never.text()).toContain('HTTP/1.1 502 ');
    expect(seconds).toBeGreaterThan(29.9);
    expect(seconds).toBeLessThan(38);
    expect(late.text()).toContain('secret!');
  }, 60_000);

  test('2.7 100 newcomers wait a moment for a place of the app, one more does not', async () => {
    let [asked, waiting] = [0, 0];
    const side = new UpstreamSide({
      quota: { admit: () => Promise.resolve(((asked += 1), false)), dismiss: () => undefined },
    } as unknown as ConstructorParameters<typeof UpstreamSide>[0]);
    const app = { id: 'app-id', limits: { connections: 1 } };
    const arrival = { app, choice: { bucket: 1 }, network: { destroyed: false } };
    const lead = async () => {
      waiting += 1;
      expect(await side.proxy(arrival as unknown as Parameters<typeof side.proxy>[0])).toBe('app_quota');
      waiting -= 1;
    };
    const all = Array.from({ length: 100 }, lead);
    const askedOnce = asked;
    await lead();
    // Asked once, and refused while the others are still waiting.
    expect([askedOnce, asked, waiting]).toEqual([100, 101, 100]);
    await Promise.all(all);
    expect(asked).toBe(100 * 5 + 1);
  });
});

/** A publish whose request is `bytes` long, head and body together, as PHP's client would send it. */
const publish = (house: Parameters<typeof publisher>[0], bytes: number) =>
  publisher(house).post('/events', { name: 'e', channel: 'orders', data: 'x'.repeat(bytes) });

describe('what the other side takes', () => {
  const reverb = async () => {
    const other = await startStandIn({
      ...APP_VARIABLES,
    });
    onTestFinished(() => other.close());
    return other;
  };

  test('11.7 an event that Reverb refuses for its size is refused as Reverb refuses it, while browsers are there', async () => {
    const other = await reverb();
    const door = await startFrontDoor(other, 50);
    const theirs = await publish({ ...APP, host: '127.0.0.1', port: other.port, prefix: '' }, 10_100);
    const ours = await publish(door, 10_100);
    expect(theirs.status).toBe(413);
    expect([ours.status, ours.text]).toEqual([theirs.status, theirs.text]);
    expect((await publish(door, 9000)).status).toBe(200);
    expect(await (await door.admin('/metrics')).text()).toMatch(/reason="cutover_size"[^}]*\} 1/);
  });

  test('11.7 nothing is refused once every browser is here, nor when the setting is 0', async () => {
    const other = await reverb();
    const door = await startFrontDoor(other, 50);
    await door.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent: 100 }) });
    expect((await publish(door, 10_100)).status).toBe(200);
    const led = await startFrontDoor(other, 50, { WAVEHALL_CUTOVER_MAX_REQUEST_SIZE: '0' });
    expect((await publish(led, 10_100)).status).toBe(200);
  });

  test('11.7 at 100 % a browser that is still there counts', async () => {
    const door = await startFrontDoor(await reverb(), 0);
    const client = sendRaw(door.port, upgradeText(PATH), textFrame({ event: 'pusher:ping', data: {} }));
    await vi.waitFor(() => expect(client.text()).toContain('pusher:pong'));
    await door.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent: 100 }) });
    expect((await publish(door, 10_100)).status).toBe(413);
    client.socket.destroy();
    await vi.waitFor(async () => expect((await publish(door, 10_100)).status).toBe(200));
  });

  test('11.7 at 100 % a browser that another node still leads there counts on every node', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const shared = {
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
    };
    const other = await reverb();
    const [one, two] = [await startFrontDoor(other, 0, shared), await startFrontDoor(other, 0, shared)];
    const client = sendRaw(one.port, upgradeText(PATH), textFrame({ event: 'pusher:ping', data: {} }));
    await vi.waitFor(() => expect(client.text()).toContain('pusher:pong'));
    await two.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent: 100, move: false }) });
    await vi.waitFor(async () => expect((await one.status()).percentage.percent).toBe(100), 5000);
    for (const node of [one, two])
      await vi.waitFor(async () => expect((await publish(node, 10_100)).status).toBe(413), 5000);
    expect((await two.status()).split.open.upstream).toBe(0);
    client.socket.destroy();
    for (const node of [one, two])
      await vi.waitFor(async () => expect((await publish(node, 10_100)).status).toBe(200), 5000);
  });

  test('11.7 max_request_size of a whole config("reverb") is what the other side takes', async () => {
    const app = { app_id: APP.id, key: APP.key, secret: APP.secret };
    const config = { servers: { reverb: { max_request_size: 20_000 } }, apps: { apps: [app] } };
    const file = temporaryFile('reverb.json', JSON.stringify(config));
    const door = await startFrontDoor(await reverb(), 50, { WAVEHALL_APPS_FILE: file });
    expect((await publish(door, 18_000)).status).toBe(200);
    expect((await publish(door, 20_100)).status).toBe(413);
  });

  test('11.7 the size is the setting’s, head and body together, to the byte', async () => {
    const door = await startFrontDoor(await startTestServer(), 50, {
      WAVEHALL_CUTOVER_MAX_REQUEST_SIZE: '2000',
    });
    const { port } = door;
    const ask = async (bytes: number) => {
      const head = (length: number) =>
        `POST /apps/${APP.id}/events HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(400)}\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
      const body = 'x'.repeat(bytes - head(1000).length);
      const client = sendRaw(port, head(body.length) + body);
      await client.ended;
      return client.status();
    };
    expect(await ask(2001)).toBe(413);
    expect(await ask(2000)).toBe(401);
  });
});

test('11.2 a browser that leaves while the other side has not answered leaves nothing behind', async () => {
  const other = await startRecordingUpstream(() => undefined);
  const door = await startFrontDoor(other, 0, { WAVEHALL_MAX_CONNECTIONS: '2' });
  const client = sendRaw(door.port, upgradeText(PATH));
  await vi.waitFor(() => expect(other.sockets).toHaveLength(1));
  client.socket.resetAndDestroy();
  await new Promise((resolve) => other.sockets[0]!.once('close', resolve));
  const next = sendRaw(door.port, upgradeText(PATH));
  await vi.waitFor(() => expect(other.sockets).toHaveLength(2));
  other.sockets[1]!.write(acceptResponse(other.texts[1]!));
  expect(await next.answered()).toBe(101);
});
