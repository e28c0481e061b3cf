/** Limits on proxied sockets: how much of this server clients occupy while the upstream serves them. */
import { describe, expect, onTestFinished, test } from 'vitest';
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
import { waitFor } from '../support/wait-for.ts';

const PATH = `/app/${APP.key}?protocol=7`;
const withBucket = (bucket: number) => ({ headers: { cookie: `wavehall_bucket=${bucket}` } });

describe('proxied sockets count', () => {
  test('2.7 twice in WAVEHALL_MAX_CONNECTIONS, one for each end: two of 5 are proxied, the next is refused with 4100', async () => {
    const frontDoor = await startFrontDoor(await startRecordingUpstream(), 0, {
      WAVEHALL_MAX_CONNECTIONS: '5',
    });
    const proxied = [sendRaw(frontDoor.port, upgradeText(PATH)), sendRaw(frontDoor.port, upgradeText(PATH))];
    for (const client of proxied) expect(await client.answered()).toBe(101);
    const third = sendRaw(frontDoor.port, upgradeText(PATH));
    await waitFor(() => expect(third.text()).toContain('4100'));
    expect((await frontDoor.status()).split.open.upstream).toBe(2);
    const metrics = await (await frontDoor.admin('/metrics')).text();
    expect(metrics).toMatch(/wavehall_refusals_total\{[^}]*reason="server_full"[^}]*\} 1/);
    proxied[0]?.socket.destroy();
    await waitFor(async () => expect((await frontDoor.status()).split.open.upstream).toBe(1));
    await waitFor(async () => {
      const again = sendRaw(frontDoor.port, upgradeText(PATH));
      await again.answered();
      await waitFor(() => expect(again.text()).toContain('Accept'));
      expect(again.text()).not.toContain('4100');
    });
  });

  test('2.7 by address, together with the sockets of this server', async () => {
    const frontDoor = await startFrontDoor(await startRecordingUpstream(), 50, {
      WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: '2',
    });
    const onWavehall = await Wire.open(frontDoor, PATH, withBucket(1));
    expect((await onWavehall.first()).event).toBe('pusher:connection_established');
    const proxied = sendRaw(frontDoor.port, upgradeText(PATH, { Cookie: 'wavehall_bucket=9999' }));
    expect(await proxied.answered()).toBe(101);
    for (const bucket of [1, 9999]) {
      const next = sendRaw(frontDoor.port, upgradeText(PATH, { Cookie: `wavehall_bucket=${bucket}` }));
      await waitFor(() => expect(next.text()).toContain('4100'));
    }
    await onWavehall.close();
  });
});

describe('proxied sockets are connections of the app', () => {
  const reverb = async () => {
    const app = { REVERB_APP_ID: APP.id, REVERB_APP_KEY: APP.key, REVERB_APP_SECRET: APP.secret };
    const upstream = await startStandIn(app);
    onTestFinished(() => upstream.close());
    return upstream;
  };
  const connect = (frontDoor: { host: string; port: number }, bucket: number) =>
    Wire.open(frontDoor, PATH, withBucket(bucket));
  const greeted = async (frontDoor: { host: string; port: number }, bucket: number) => {
    const wire = await connect(frontDoor, bucket);
    expect((await wire.first()).event).toBe('pusher:connection_established');
    return wire;
  };
  const connections = async (frontDoor: Parameters<typeof publisher>[0]) =>
    (await publisher(frontDoor).get('/connections')).json;

  test('2.7 both sides share REVERB_APP_MAX_CONNECTIONS: one more is refused with 4004 on either side', async () => {
    const frontDoor = await startFrontDoor(await reverb(), 50, { REVERB_APP_MAX_CONNECTIONS: '3' });
    const [onWavehall, proxied] = [await greeted(frontDoor, 1), await greeted(frontDoor, 9999)];
    await greeted(frontDoor, 9998);
    expect(await connections(frontDoor)).toEqual({ connections: 3 });
    for (const bucket of [1, 9999]) {
      const refused = await connect(frontDoor, bucket);
      expect(await refused.first()).toMatchObject({ event: 'pusher:error', data: { code: 4004 } });
      expect(await refused.closing()).toMatchObject({ code: 4004 });
    }
    const metrics = await (await frontDoor.admin('/metrics')).text();
    expect(metrics).toMatch(/wavehall_refusals_total\{[^}]*reason="app_quota"[^}]*\} 2/);
    await proxied.close();
    await greeted(frontDoor, 1);
    await onWavehall.close();
    await greeted(frontDoor, 9999);
    expect(await (await connect(frontDoor, 9999)).first()).toMatchObject({ event: 'pusher:error' });
  });

  test('2.7 a closed connection takes no place when its client reconnects at once', async () => {
    const frontDoor = await startFrontDoor(await reverb(), 0, { REVERB_APP_MAX_CONNECTIONS: '1' });
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const wire = await greeted(frontDoor, 9999);
      void wire.close();
    }
    await waitFor(async () => expect(await connections(frontDoor)).toEqual({ connections: 0 }));
  });

  test('2.7 an upgrade that the upstream refuses or does not answer takes no place', async () => {
    const upstream = await startRecordingUpstream((head, socket) => {
      if (head.includes('refuse')) return 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n';
      socket.destroy();
      return undefined;
    });
    const frontDoor = await startFrontDoor(upstream, 0, { REVERB_APP_MAX_CONNECTIONS: '1' });
    for (let attempt = 0; attempt < 3; attempt += 1)
      expect(await sendRaw(frontDoor.port, upgradeText(`${PATH}&refuse`)).answered()).toBe(403);
    // Served by Wavehall as a failover, and counted once.
    await greeted(frontDoor, 9999);
    expect(await connections(frontDoor)).toEqual({ connections: 1 });
  });

  test('2.7 all nodes share the quota, and count each proxied socket once', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const env = {
      REVERB_APP_MAX_CONNECTIONS: '3',
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
    };
    const upstream = await reverb();
    const [one, two] = [await startFrontDoor(upstream, 50, env), await startFrontDoor(upstream, 50, env)];
    for (const [frontDoor, bucket] of [
      [one, 9999],
      [two, 9999],
      [two, 1],
    ] as const)
      await subscribed(await greeted(frontDoor, bucket));
    for (const frontDoor of [one, two]) {
      expect(await (await connect(frontDoor, 9999)).closing()).toMatchObject({ code: 4004 });
      await waitFor(async () => expect(await connections(frontDoor)).toEqual({ connections: 3 }));
    }
  });
});

async function subscribed(wire: Wire): Promise<Wire> {
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await wire.next('pusher_internal:subscription_succeeded');
  return wire;
}

describe('proxied sockets end', () => {
  test('11.2 when no byte is sent for WAVEHALL_CUTOVER_IDLE_SECONDS', async () => {
    const upstream = await startRecordingUpstream();
    const frontDoor = await startFrontDoor(upstream, 0, { WAVEHALL_CUTOVER_IDLE_SECONDS: '2' });
    const idle = sendRaw(frontDoor.port, upgradeText(PATH));
    const busy = sendRaw(frontDoor.port, upgradeText(PATH));
    await Promise.all([idle.answered(), busy.answered()]);
    const writing = setInterval(() => busy.socket.write('x'), 200);
    onTestFinished(() => clearInterval(writing));
    await idle.ended;
    expect(busy.socket.readableEnded).toBe(false);
    expect((await frontDoor.status()).split.open.upstream).toBe(1);
    expect(await (await frontDoor.admin('/metrics')).text()).toMatch(/reason="cutover_idle"[^}]*\} 1/);
  });

  test('11.2 WAVEHALL_LINGER_SECONDS after the other end has closed, and not before', async () => {
    const upstream = await startRecordingUpstream();
    const frontDoor = await startFrontDoor(upstream, 0, { WAVEHALL_LINGER_SECONDS: '1' });
    // The client keeps its half open, and goes on writing.
    const client = sendRaw(frontDoor.port, upgradeText(PATH));
    expect(await client.answered()).toBe(101);
    const closed = new Promise((resolve) => client.socket.once('close', resolve));
    const sinceMs = performance.now();
    upstream.sockets[0]!.end('last words');
    const writing = setInterval(() => client.socket.write('x'), 50);
    onTestFinished(() => clearInterval(writing));
    await closed;
    expect(client.text()).toContain('last words');
    expect(performance.now() - sinceMs).toBeGreaterThan(900);
    expect(performance.now() - sinceMs).toBeLessThan(4500);
    await waitFor(async () => expect((await frontDoor.status()).split.open.upstream).toBe(0));
  });

  test.each(['browser', 'server'] as const)(
    '11.2 when the %s reads no byte for WAVEHALL_STALL_SECONDS while bytes wait for it',
    async (end) => {
      const upstream = await startRecordingUpstream();
      const frontDoor = await startFrontDoor(upstream, 0, { WAVEHALL_STALL_SECONDS: '1' });
      const client = sendRaw(frontDoor.port, upgradeText(PATH));
      expect(await client.answered()).toBe(101);
      const server = upstream.sockets[0]!;
      const [reader, writer] = end === 'browser' ? [client.socket, server] : [server, client.socket];
      reader.pause();
      writer.on('error', () => undefined);
      const closed = new Promise((resolve) => writer.once('close', resolve));
      const chunk = Buffer.alloc(256 * 1024);
      const writing = setInterval(() => writer.writableLength < 1_000_000 && writer.write(chunk), 5);
      onTestFinished(() => clearInterval(writing));
      await closed;
      await waitFor(async () => expect((await frontDoor.status()).split.open.upstream).toBe(0));
      expect(await (await frontDoor.admin('/metrics')).text()).toMatch(/reason="slow_reader"[^}]*\} 1/);
    },
  );
});

describe('time limits of the upstream', () => {
  /** Seconds until `answer` is true. */
  const secondsUntil = async (answer: () => boolean): Promise<number> => {
    const sinceMs = performance.now();
    await waitFor(() => expect(answer()).toBe(true), 45_000);
    return (performance.now() - sinceMs) / 1000;
  };

  test('11.3 an upgrade waits 5 seconds, and is then served by Wavehall', async () => {
    const upstream = await startRecordingUpstream((head, socket) => {
      if (head.includes('late')) setTimeout(() => socket.write(acceptResponse(head), 'latin1'), 3500);
      return undefined;
    });
    const frontDoor = await startFrontDoor(upstream, 0);
    const late = sendRaw(frontDoor.port, upgradeText(`${PATH}&late`));
    const never = sendRaw(frontDoor.port, upgradeText(PATH));
    const [proxiedAfterSeconds, servedAfterSeconds] = await Promise.all([
      secondsUntil(() => late.text().includes('101')),
      secondsUntil(() => never.text().includes('connection_established')),
    ]);
    expect(late.text()).not.toContain('connection_established');
    expect(proxiedAfterSeconds).toBeGreaterThan(3.4);
    expect(servedAfterSeconds).toBeGreaterThan(4.9);
    expect(servedAfterSeconds).toBeLessThan(9);
    expect((await frontDoor.status()).split.failovers.wavehall).toBe(1);
  }, 60_000);

  test('11.2 another request waits 30 seconds, and is then answered with 502', async () => {
    const upstream = await startRecordingUpstream((head, socket) => {
      if (head.includes('late')) setTimeout(() => socket.write(SECRET_RESPONSE), 25_000);
      return undefined;
    });
    const frontDoor = await startFrontDoor(upstream, 0);
    const get = (path: string) => sendRaw(frontDoor.port, `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const [late, never] = [get('/late'), get('/never')];
    const seconds = await secondsUntil(() => never.text().includes('did not answer in 30 s'));
    expect(never.text()).toContain('HTTP/1.1 502 ');
    expect(seconds).toBeGreaterThan(29.9);
    expect(seconds).toBeLessThan(38);
    expect(late.text()).toContain('secret!');
  }, 60_000);

  test('2.7 100 new clients wait a moment for a place in the app’s quota, one more does not', async () => {
    let [admitCalls, waiting] = [0, 0];
    const side = new UpstreamSide({
      quota: { admit: () => Promise.resolve(((admitCalls += 1), false)), dismiss: () => undefined },
    } as unknown as ConstructorParameters<typeof UpstreamSide>[0]);
    const app = { id: 'app-id', limits: { connections: 1 } };
    const arrival = { app, choice: { bucket: 1 }, network: { destroyed: false } };
    const proxy = async () => {
      waiting += 1;
      expect(await side.proxy(arrival as unknown as Parameters<typeof side.proxy>[0])).toBe('app_quota');
      waiting -= 1;
    };
    const all = Array.from({ length: 100 }, proxy);
    const admitCallsBefore = admitCalls;
    await proxy();
    // Tried once, and refused while the others still wait.
    expect([admitCallsBefore, admitCalls, waiting]).toEqual([100, 101, 100]);
    await Promise.all(all);
    expect(admitCalls).toBe(100 * 5 + 1);
  });
});

/** A publish whose request is `bytes` long, head and body together, as PHP's client would send it. */
const publish = (server: Parameters<typeof publisher>[0], bytes: number) =>
  publisher(server).post('/events', { name: 'e', channel: 'orders', data: 'x'.repeat(bytes) });

describe('the upstream’s request size', () => {
  const reverb = async () => {
    const upstream = await startStandIn({
      ...APP_VARIABLES,
    });
    onTestFinished(() => upstream.close());
    return upstream;
  };

  test('11.7 an event that Reverb refuses for its size is refused as Reverb refuses it, while the upstream has browsers', async () => {
    const upstream = await reverb();
    const frontDoor = await startFrontDoor(upstream, 50);
    const atReverb = await publish({ ...APP, host: '127.0.0.1', port: upstream.port, prefix: '' }, 10_100);
    const atWavehall = await publish(frontDoor, 10_100);
    expect(atReverb.status).toBe(413);
    expect([atWavehall.status, atWavehall.text]).toEqual([atReverb.status, atReverb.text]);
    expect((await publish(frontDoor, 9000)).status).toBe(200);
    expect(await (await frontDoor.admin('/metrics')).text()).toMatch(/reason="cutover_size"[^}]*\} 1/);
  });

  test('11.7 is not checked once Wavehall has every browser, nor when the setting is 0', async () => {
    const upstream = await reverb();
    const frontDoor = await startFrontDoor(upstream, 50);
    await frontDoor.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent: 100 }) });
    expect((await publish(frontDoor, 10_100)).status).toBe(200);
    const proxied = await startFrontDoor(upstream, 50, { WAVEHALL_CUTOVER_MAX_REQUEST_SIZE: '0' });
    expect((await publish(proxied, 10_100)).status).toBe(200);
  });

  test('11.7 is checked at 100 % while a browser is still proxied', async () => {
    const frontDoor = await startFrontDoor(await reverb(), 0);
    const client = sendRaw(frontDoor.port, upgradeText(PATH), textFrame({ event: 'pusher:ping', data: {} }));
    await waitFor(() => expect(client.text()).toContain('pusher:pong'));
    await frontDoor.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent: 100 }) });
    expect((await publish(frontDoor, 10_100)).status).toBe(413);
    client.socket.destroy();
    await waitFor(async () => expect((await publish(frontDoor, 10_100)).status).toBe(200));
  });

  test('11.7 is checked at 100 % on every node while any node still proxies a browser', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const shared = {
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: `${redis.port}`,
    };
    const upstream = await reverb();
    const [one, two] = [await startFrontDoor(upstream, 0, shared), await startFrontDoor(upstream, 0, shared)];
    const client = sendRaw(one.port, upgradeText(PATH), textFrame({ event: 'pusher:ping', data: {} }));
    await waitFor(() => expect(client.text()).toContain('pusher:pong'));
    await two.admin('/cutover', { method: 'PUT', body: JSON.stringify({ percent: 100, move: false }) });
    await waitFor(async () => expect((await one.status()).percentage.percent).toBe(100));
    for (const node of [one, two])
      await waitFor(async () => expect((await publish(node, 10_100)).status).toBe(413));
    expect((await two.status()).split.open.upstream).toBe(0);
    client.socket.destroy();
    for (const node of [one, two])
      await waitFor(async () => expect((await publish(node, 10_100)).status).toBe(200));
  });

  test('11.7 is the max_request_size of a whole config("reverb")', async () => {
    const app = { app_id: APP.id, key: APP.key, secret: APP.secret };
    const config = { servers: { reverb: { max_request_size: 20_000 } }, apps: { apps: [app] } };
    const file = temporaryFile('reverb.json', JSON.stringify(config));
    const frontDoor = await startFrontDoor(await reverb(), 50, { WAVEHALL_APPS_FILE: file });
    expect((await publish(frontDoor, 18_000)).status).toBe(200);
    expect((await publish(frontDoor, 20_100)).status).toBe(413);
  });

  test('11.7 is the size of head and body together, to the byte', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 50, {
      WAVEHALL_CUTOVER_MAX_REQUEST_SIZE: '2000',
    });
    const { port } = frontDoor;
    const statusFor = async (bytes: number) => {
      const head = (length: number) =>
        `POST /apps/${APP.id}/events HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(400)}\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`;
      const body = 'x'.repeat(bytes - head(1000).length);
      const client = sendRaw(port, head(body.length) + body);
      await client.ended;
      return client.status();
    };
    expect(await statusFor(2001)).toBe(413);
    expect(await statusFor(2000)).toBe(401);
  });
});

test('11.2 the socket to the upstream is closed when its browser disconnects before the upstream answers', async () => {
  const upstream = await startRecordingUpstream(() => undefined);
  const frontDoor = await startFrontDoor(upstream, 0, { WAVEHALL_MAX_CONNECTIONS: '2' });
  const client = sendRaw(frontDoor.port, upgradeText(PATH));
  await waitFor(() => expect(upstream.sockets).toHaveLength(1));
  client.socket.resetAndDestroy();
  await new Promise((resolve) => upstream.sockets[0]!.once('close', resolve));
  const next = sendRaw(frontDoor.port, upgradeText(PATH));
  await waitFor(() => expect(upstream.sockets).toHaveLength(2));
  upstream.sockets[1]!.write(acceptResponse(upstream.texts[1]!));
  expect(await next.answered()).toBe(101);
});
