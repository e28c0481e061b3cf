import { describe, expect, test } from 'vitest';
import { errors, isSocketId } from '#protocol';
import type { App } from '../../src/core/app.ts';
import {
  type ConnectOptions,
  dataOf,
  FakeSocket,
  deferred,
  openCore,
  type TestCore,
  settled,
  testApp,
} from './fakes.ts';

/** Everything that could be wrong with a client at once; each test mends one thing more. */
const WRONG: ConnectOptions = { appKey: 'nobody', protocol: 'x', origin: 'https://evil.test' };
const strictApp = (changes: Partial<App> = {}): App =>
  testApp({
    enabled: false,
    requireTls: true,
    allowedOrigins: ['app.test'],
    ...changes,
    limits: { connections: 1 },
  });

const secureSocket = (): FakeSocket => Object.assign(new FakeSocket(), { secure: true });

interface Refusal {
  readonly title: string;
  readonly code: number;
  readonly message: string;
  readonly app?: Partial<App>;
  readonly from: () => ConnectOptions;
  readonly prepare?: (site: TestCore) => unknown;
}

const fill = (site: TestCore): Promise<unknown> =>
  site.connect({ socket: secureSocket(), origin: 'https://app.test' });

/** SPEC 2.5: the first check that fails answers, though all that come later would fail too. */
const REFUSALS: readonly Refusal[] = [
  {
    title: '2.5 (1) a closing server',
    code: 4100,
    message: 'Server is closing. Please reconnect shortly.',
    from: () => WRONG,
    prepare: (site) => site.gateway.stopAdmitting(),
  },
  { title: '2.5 (2) an unknown key', code: 4001, message: 'Application does not exist', from: () => WRONG },
  {
    title: '2.5 (3) a disabled app',
    code: 4003,
    message: 'Application is disabled',
    from: () => ({ ...WRONG, appKey: 'app-key' }),
  },
  {
    title: '2.5 (4) a version that is no number',
    code: 4006,
    message: 'Invalid protocol version',
    app: { enabled: true },
    from: () => ({ ...WRONG, appKey: 'app-key' }),
  },
  {
    title: '2.5 (4) a version that is too old',
    code: 4007,
    message: 'Unsupported protocol version',
    app: { enabled: true },
    from: () => ({ ...WRONG, appKey: 'app-key', protocol: '3' }),
  },
  {
    title: '2.5 (5) TLS that is demanded and missing',
    code: 4000,
    message: 'TLS is required',
    app: { enabled: true },
    from: () => ({ ...WRONG, appKey: 'app-key', protocol: '7' }),
  },
  {
    title: '2.5 (6) a foreign origin',
    code: 4009,
    message: 'Origin not allowed',
    app: { enabled: true },
    from: () => ({ ...WRONG, appKey: 'app-key', protocol: '7', socket: secureSocket() }),
    prepare: fill,
  },
  {
    title: '2.5 (7) an app over its quota',
    code: 4004,
    message: 'Application is over connection quota',
    app: { enabled: true },
    from: () => ({ appKey: 'app-key', protocol: '7', socket: secureSocket(), origin: 'https://app.test' }),
    prepare: fill,
  },
];

describe('refusals', () => {
  test.each(REFUSALS)('$title is answered with error and close $code', async (refusal) => {
    const site = openCore({ apps: [strictApp(refusal.app)] });
    await refusal.prepare?.(site);
    const before = site.hub.size;
    const client = await site.connect(refusal.from());
    const { code, message } = refusal;
    expect(client.frames).toEqual([{ event: 'pusher:error', data: { code, message } }]);
    expect(client.socket.closed).toEqual({ code, reason: message });
    expect(site.hub.size).toBe(before);
    expect(site.logger.errors).toEqual([]);
  });

  test('2.5 the messages are those of the error catalogue', () => {
    const known = new Set<string>(Object.values(errors).map(({ code, message }) => `${code} ${message}`));
    for (const { code, message } of REFUSALS) expect(known).toContain(`${code} ${message}`);
  });

  test("1.3 the error of a refusal has the app's form, once the app is known", async () => {
    const site = openCore({ apps: [testApp({ errorDataAsString: true, enabled: false })] });
    const client = await site.connect();
    expect(client.frames[0]?.data).toBe('{"code":4003,"message":"Application is disabled"}');
    const unknown = await site.connect({ appKey: 'nobody' });
    expect(unknown.frames[0]?.data).toEqual({ code: 4001, message: 'Application does not exist' });
  });

  test("1.3 where there is no app, the error has the server's form, also while it stops", async () => {
    const site = openCore({ errorDataAsString: true });
    const unknown = await site.connect({ appKey: 'nobody' });
    expect(unknown.frames[0]?.data).toBe('{"code":4001,"message":"Application does not exist"}');
    site.gateway.stopAdmitting();
    const late = await site.connect();
    expect(typeof late.frames[0]?.data).toBe('string');
  });

  test('2.5 a refused client is not counted, and its close does not lower the count', async () => {
    const site = openCore({ apps: [testApp({ limits: { connections: 1 } })] });
    const first = await site.connect();
    const refused = await site.connect();
    refused.close(4004);
    await settled();
    expect(await site.stores.quota.connections('app-id')).toBe(1);
    expect((await site.connect()).socket.closed?.code).toBe(4004);
    first.close();
    await settled();
    expect((await site.connect()).socket.closed).toBeUndefined();
  });

  test('2.5 when the app provider cannot be reached, the socket is closed with 1011, without the reason', async () => {
    const outOfReach = () => Promise.reject(new Error('SQL at 10.0.0.5'));
    const site = openCore({ provider: { byKey: outOfReach, byId: outOfReach } });
    const client = await site.connect();
    expect(client.socket.closed).toEqual({ code: 1011, reason: 'Internal server error' });
    expect(JSON.stringify(client.frames)).not.toContain('SQL');
    expect(site.logger.errors).toHaveLength(1);
  });
});

describe('versions', () => {
  test.each([
    [undefined, undefined],
    ['4', undefined],
    ['5', undefined],
    ['7', undefined],
    ['8', undefined],
    ['99999999999999999999', undefined],
    ['0', 4007],
    ['3', 4007],
    ['', 4006],
    ['x', 4006],
    ['7.0', 4006],
    ['-7', 4006],
    ['+7', 4006],
    [' 7', 4006],
    ['٧', 4006],
    ['0x7', 4006],
  ])('2.2 protocol %j: %j', async (protocol, code) => {
    const client = await openCore().connect({ protocol });
    expect(client.socket.closed?.code).toBe(code);
  });
});

describe('quotas', () => {
  const established = async (site: TestCore, socket = new FakeSocket()): Promise<boolean> =>
    (await site.connect({ socket })).socket.closed === undefined;

  test('2.7 an app takes n connections and refuses n + 1', async () => {
    const site = openCore({ apps: [testApp({ limits: { connections: 3 } })] });
    for (let at = 0; at < 3; at += 1) expect(await established(site)).toBe(true);
    expect(await established(site)).toBe(false);
  });

  test('2.7 each app has a quota of its own', async () => {
    const other = testApp({ id: 'other', credentials: [{ key: 'other-key', secret: 's' }] });
    const site = openCore({ apps: [testApp({ limits: { connections: 1 } }), other] });
    await site.connect();
    expect((await site.connect()).socket.closed?.code).toBe(4004);
    expect((await site.connect({ appKey: 'other-key' })).socket.closed).toBeUndefined();
  });

  test('2.7 connections that open at the same time are counted one by one', async () => {
    const site = openCore({ apps: [testApp({ limits: { connections: 5 } })] });
    const clients = Array.from({ length: 20 }, () => site.open());
    await settled();
    expect(clients.filter(({ socket }) => socket.closed === undefined)).toHaveLength(5);
    expect(site.hub.size).toBe(5);
  });

  test('2.7 a node takes n connections of all apps together and refuses n + 1 with 4100', async () => {
    const other = testApp({ id: 'other', credentials: [{ key: 'other-key', secret: 's' }] });
    const site = openCore({ apps: [testApp(), other], admission: { connections: 2 } });
    const first = await site.connect();
    await site.connect({ appKey: 'other-key' });
    const third = await site.connect();
    expect(dataOf(third.frames[0])).toEqual({ code: 4100, message: 'Server is over capacity' });
    expect(third.socket.closed?.code).toBe(4100);
    first.close();
    await settled();
    expect(await established(site)).toBe(true);
  });

  test('2.7 a node keeps its limit when many connections open at the same time', async () => {
    const site = openCore({ admission: { connections: 5 } });
    const clients = Array.from({ length: 20 }, () => site.open());
    await settled();
    expect(clients.filter(({ socket }) => socket.closed === undefined)).toHaveLength(5);
    expect(await site.stores.quota.connections('app-id')).toBe(5);
  });

  test('2.7 an address takes n connections and refuses n + 1, until one of them closes', async () => {
    const site = openCore({ admission: { connectionsPerAddress: 2 } });
    const from = (remoteAddress: string): FakeSocket => Object.assign(new FakeSocket(), { remoteAddress });
    const first = await site.connect({ socket: from('192.0.2.1') });
    expect(await established(site, from('192.0.2.1'))).toBe(true);
    expect(await established(site, from('192.0.2.1'))).toBe(false);
    expect(await established(site, from('192.0.2.2'))).toBe(true);
    first.close();
    await settled();
    expect(await established(site, from('192.0.2.1'))).toBe(true);
    expect(await established(site, from('192.0.2.1'))).toBe(false);
  });

  test('2.7 without limits no client is refused', async () => {
    const site = openCore();
    const clients = Array.from({ length: 300 }, () => site.open());
    await settled();
    expect(clients.every(({ socket }) => socket.closed === undefined)).toBe(true);
    expect(site.hub.size).toBe(300);
  });
});

describe('the first frame', () => {
  test('2.3 is connection_established, with the timeout of the app', async () => {
    const site = openCore({ apps: [testApp({ activityTimeoutSeconds: 17 })] });
    const client = await site.connect();
    expect(client.frames).toHaveLength(1);
    expect(dataOf(client.frames[0])).toEqual({ socket_id: client.socketId, activity_timeout: 17 });
  });

  test('2.4 every socket has an id of its own, in the form that libraries check', async () => {
    const site = openCore();
    const clients = Array.from({ length: 500 }, () => site.open());
    await settled();
    const ids = clients.map(({ socketId }) => socketId);
    expect(new Set(ids).size).toBe(500);
    expect(ids.every(isSocketId)).toBe(true);
  });

  test('2.4 an id is free again after its socket has closed', async () => {
    const site = openCore();
    const client = await site.connect();
    expect(site.hub.connection('app-id', client.socketId)).toBeDefined();
    client.close();
    await settled();
    expect(site.hub.connection('app-id', client.socketId)).toBeUndefined();
  });

  test('7.6 every key of an app opens connections', async () => {
    const credentials = [
      { key: 'new', secret: 'a' },
      { key: 'old', secret: 'b' },
    ] as const;
    const site = openCore({ apps: [testApp({ credentials })] });
    expect((await site.connect({ appKey: 'new' })).eventNames).toEqual(['pusher:connection_established']);
    expect((await site.connect({ appKey: 'old' })).eventNames).toEqual(['pusher:connection_established']);
    expect((await site.connect({ appKey: 'app-key' })).socket.closed?.code).toBe(4001);
  });

  test('2.13 a client that is still being looked up when the server stops is refused as well', async () => {
    const lookup = deferred<App | undefined>();
    const provider = { byKey: () => lookup.promise, byId: () => lookup.promise };
    const site = openCore({ provider });
    const client = site.open();
    site.gateway.stopAdmitting();
    lookup.release(testApp());
    await settled();
    expect(client.socket.closed?.code).toBe(4100);
    expect(site.hub.size).toBe(0);
  });
});
