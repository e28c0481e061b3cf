import { describe, expect, test } from 'vitest';
import { APP } from '../conformance/settings.ts';
import { SUCCEEDED, member } from '../conformance/case-tools.ts';
import { signedPath } from '../support/wire-http.ts';
import { OPCODE, Tcp, frameBytes } from '../support/wire-tcp.ts';
import { dataOf, eventually } from '../support/wire.ts';
import { attackedServer, range, times } from './attacked-server.ts';
import { sleep } from '../../src/core/util/time.ts';

/** Every limit is set low and tested at n and at n + 1. */
describe('limits of messages and requests', () => {
  const target = attackedServer({
    REVERB_APP_MAX_MESSAGE_SIZE: '300',
    WAVEHALL_MAX_FRAGMENTS: '4',
    WAVEHALL_MAX_EVENT_DATA_SIZE: '100',
    WAVEHALL_MAX_EVENT_NAME_LENGTH: '20',
    WAVEHALL_MAX_CHANNEL_NAME_LENGTH: '30',
    WAVEHALL_MAX_CHANNELS_PER_EVENT: '3',
    WAVEHALL_MAX_BATCH_SIZE: '2',
    WAVEHALL_AUTH_WINDOW: '30',
    WAVEHALL_MAX_SOCKET_ID_LENGTH: '24',
  });
  const post = (body: object) =>
    target.tools.publisher.post('/events', { name: 'e', data: 'd', channel: 'orders', ...body });

  const pingOf = (bytes: number) => {
    const empty = JSON.stringify({ event: 'pusher:ping', data: { pad: '' } }).length;
    return JSON.stringify({ event: 'pusher:ping', data: { pad: 'x'.repeat(bytes - empty) } });
  };

  test('2.11 REVERB_APP_MAX_MESSAGE_SIZE', async () => {
    const wire = await target.tools.connect('');
    wire.send(pingOf(300));
    await wire.next('pusher:pong');
    wire.send(pingOf(301));
    expect(await wire.closing()).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
  });

  test('2.11 WAVEHALL_MAX_FRAGMENTS', async () => {
    const text = '{"event":"pusher:ping"}';
    const inParts = (parts: number) =>
      range(parts).map((index) => {
        const isLast = index === parts - 1;
        const payload = isLast ? text.slice(index) : text[index]!;
        return frameBytes({ opcode: index === 0 ? OPCODE.text : OPCODE.continuation, fin: isLast, payload });
      });
    const tcp = await Tcp.upgraded(target.tools.app, target.tools.path);
    await tcp.message();
    tcp.write(Buffer.concat(inParts(4)));
    expect((await tcp.message()).event).toBe('pusher:pong');
    tcp.write(Buffer.concat(inParts(5)));
    expect((await tcp.closing()).code).toBe(1008);
    tcp.destroy();
  });

  test('8.12 WAVEHALL_MAX_EVENT_DATA_SIZE', async () => {
    expect((await post({ data: 'x'.repeat(100) })).status).toBe(200);
    expect((await post({ data: 'x'.repeat(101) })).status).toBe(413);
    expect((await post({ data: 'é'.repeat(51) })).status).toBe(413);
  });

  test('8.12 WAVEHALL_MAX_EVENT_NAME_LENGTH of published events', async () => {
    expect((await post({ name: 'x'.repeat(20) })).status).toBe(200);
    expect((await post({ name: 'x'.repeat(21) })).status).toBe(400);
  });

  test('5.5 WAVEHALL_MAX_EVENT_NAME_LENGTH of client events', async () => {
    const [a, b] = [await target.tools.subscriber('private-a'), await target.tools.subscriber('private-a')];
    target.tools.clientEvent(a, 'private-a', {}, 'client-'.padEnd(20, 'x'));
    expect(await a.settle()).toEqual([]);
    expect((await b.settle()).length).toBe(1);
    target.tools.clientEvent(a, 'private-a', {}, 'client-'.padEnd(21, 'x'));
    target.tools.error((await a.settle())[0], 4301);
    expect(await b.settle()).toEqual([]);
  });

  test('3.2 WAVEHALL_MAX_CHANNEL_NAME_LENGTH', async () => {
    const wire = await target.tools.subscriber('x'.repeat(30));
    expect((await post({ channel: 'x'.repeat(30) })).status).toBe(200);
    await wire.next('e');
    target.tools.sendSubscribe(wire, 'x'.repeat(31));
    expect(dataOf((await wire.settle())[0]!)).toMatchObject({ type: 'InvalidChannel' });
    expect((await post({ channel: 'x'.repeat(31) })).status).toBe(400);
  });

  test('8.12 WAVEHALL_MAX_CHANNELS_PER_EVENT', async () => {
    expect((await post({ channels: ['a', 'b', 'c'] })).status).toBe(200);
    expect((await post({ channels: ['a', 'b', 'c', 'd'] })).status).toBe(400);
  });

  test('8.12 WAVEHALL_MAX_BATCH_SIZE', async () => {
    const batch = (count: number) =>
      target.tools.publisher.post('/batch_events', {
        batch: range(count).map(() => ({ name: 'e', data: 'd', channel: 'a' })),
      });
    expect((await batch(2)).status).toBe(200);
    expect((await batch(3)).status).toBe(400);
  });

  test('2.4 WAVEHALL_MAX_SOCKET_ID_LENGTH', async () => {
    expect((await post({ socket_id: `${'1'.repeat(22)}.1` })).status).toBe(200);
    expect((await post({ socket_id: `${'1'.repeat(23)}.1` })).status).toBe(400);
  });

  test('8.2 WAVEHALL_AUTH_WINDOW', async () => {
    const at = (offset: number) =>
      target.tools.publisher.get('/channels', [], { timestampS: Math.floor(Date.now() / 1000) + offset });
    for (const offset of [-28, 28]) expect((await at(offset)).status).toBe(200);
    for (const offset of [-32, 32]) expect((await at(offset)).status).toBe(401);
  });
});

describe('the size of a request', () => {
  const target = attackedServer({ REVERB_MAX_REQUEST_SIZE: '500' });
  const body = (bytes: number) =>
    JSON.stringify({ name: 'e', data: 'd', channel: 'orders' }).padEnd(bytes, ' ');

  test('8.12 REVERB_MAX_REQUEST_SIZE', async () => {
    expect((await target.tools.publisher.post('/events', body(500))).status).toBe(200);
    const answer = await target.tools.publisher.post('/events', body(501));
    expect([answer.status, answer.text]).toEqual([413, 'Payload too large.']);
  });

  test('8.12 measures a chunked body while it arrives', async () => {
    const send = async (bytes: number) => {
      const tcp = await Tcp.open(target.tools.app);
      const head = `POST /apps/${APP.id}/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
      tcp.write(`${head}${bytes.toString(16)}\r\n${body(bytes)}\r\n0\r\n\r\n`);
      const answer = await tcp.head();
      tcp.destroy();
      return Number(answer.split(' ')[1]);
    };
    expect(await send(500)).toBe(401);
    expect(await send(501)).toBe(413);
  });

  test('8.12 does not wait for an announced body of a gigabyte', async () => {
    const tcp = await Tcp.open(target.tools.app);
    tcp.write(`POST /apps/${APP.id}/events HTTP/1.1\r\nHost: a\r\nContent-Length: 1073741824\r\n\r\n{`);
    expect(await tcp.head()).toMatch(/^HTTP\/1.1 413 /);
    tcp.destroy();
  });

  test('8.3 16 kB of headers: 431', async () => {
    const tcp = await Tcp.open(target.tools.app);
    tcp.write(`GET /up HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(17_000)}\r\n\r\n`);
    expect(await tcp.head()).toMatch(/^HTTP\/1.1 431 /);
    tcp.destroy();
  });
});

describe('without limits of messages and requests', () => {
  const target = attackedServer({
    REVERB_APP_MAX_MESSAGE_SIZE: '0',
    REVERB_MAX_REQUEST_SIZE: '0',
    WAVEHALL_MAX_EVENT_DATA_SIZE: '0',
  });
  const MAX_BYTES = 16 * 1024 * 1024;

  test('2.11 limits a message to 16 MiB', async () => {
    const wire = await target.tools.connect('');
    wire.send('{"event":"pusher:ping"}'.padEnd(MAX_BYTES, ' '));
    await wire.next('pusher:pong', 15_000);
    wire.send('{"event":"pusher:ping"}'.padEnd(MAX_BYTES + 1, ' '));
    expect(await wire.closing(15_000)).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
  }, 30_000);

  test('8.12 limits a request body to 16 MiB', async () => {
    const body = JSON.stringify({ name: 'e', data: 'd', channel: 'orders' });
    expect((await target.tools.publisher.post('/events', body.padEnd(MAX_BYTES, ' '))).status).toBe(200);
    const answer = await target.tools.publisher.post('/events', body.padEnd(MAX_BYTES + 1, ' '));
    expect([answer.status, answer.text]).toEqual([413, 'Payload too large.']);
  }, 30_000);
});

describe('limits of channels and users', () => {
  const target = attackedServer({
    WAVEHALL_MAX_SUBSCRIPTIONS: '3',
    WAVEHALL_MAX_SUBSCRIPTION_BYTES: '100',
    WAVEHALL_MAX_PRESENCE_MEMBERS: '2',
    WAVEHALL_MAX_USER_ID_LENGTH: '10',
    WAVEHALL_MAX_USER_INFO_SIZE: '50',
    WAVEHALL_MAX_WATCHLIST: '2',
    WAVEHALL_AUTHORIZE_WITHIN: '2',
  });

  /** Subscribes as a member; returns `success` or the type of the error. */
  const answerTo = async (user: object) => {
    const wire = await target.tools.connect();
    target.tools.sendSubscribe(wire, 'presence-a', { member: user });
    const [frame, ...more] = await wire.settle();
    expect(more).toEqual([]);
    return frame!.event === SUCCEEDED ? 'success' : (dataOf(frame!) as { type: string }).type;
  };

  test('3.12 WAVEHALL_MAX_SUBSCRIPTIONS', async () => {
    const wire = await target.tools.connect();
    for (const channel of ['a', 'b', 'c']) await target.tools.subscribe(wire, channel);
    target.tools.sendSubscribe(wire, 'd');
    expect(dataOf((await wire.settle())[0]!)).toMatchObject({ type: 'LimitReached' });
    await target.tools.subscribe(wire, 'a');
    target.tools.unsubscribe(wire, 'a');
    await target.tools.subscribe(wire, 'd');
  });

  test('3.12 WAVEHALL_MAX_SUBSCRIPTION_BYTES', async () => {
    const wire = await target.tools.connect();
    await target.tools.subscribe(wire, 'x'.repeat(60));
    await target.tools.subscribe(wire, 'y'.repeat(40));
    target.tools.sendSubscribe(wire, 'z');
    expect(dataOf((await wire.settle())[0]!)).toMatchObject({
      type: 'LimitReached',
      error: expect.stringContaining('100 bytes') as string,
    });
    target.tools.unsubscribe(wire, 'y'.repeat(40));
    target.tools.sendSubscribe(wire, 'y'.repeat(41));
    expect(dataOf((await wire.settle())[0]!)).toMatchObject({ type: 'LimitReached' });
    await target.tools.subscribe(wire, 'y'.repeat(40));
  });

  test('4.5 WAVEHALL_MAX_PRESENCE_MEMBERS', async () => {
    expect(await answerTo(member('1'))).toBe('success');
    expect(await answerTo(member('2'))).toBe('success');
    expect(await answerTo(member('3'))).toBe('LimitReached');
    expect(await answerTo(member('1'))).toBe('success');
  });

  test('4.5 WAVEHALL_MAX_USER_ID_LENGTH', async () => {
    expect(await answerTo(member('x'.repeat(10)))).toBe('success');
    expect(await answerTo(member('x'.repeat(11)))).toBe('LimitReached');
  });

  test('4.5 WAVEHALL_MAX_USER_INFO_SIZE', async () => {
    expect(await answerTo({ user_id: '1', user_info: 'x'.repeat(48) })).toBe('success');
    expect(await answerTo({ user_id: '2', user_info: 'x'.repeat(49) })).toBe('LimitReached');
  });

  test('6.5 WAVEHALL_MAX_WATCHLIST', async () => {
    const signIn = async (watchlist: string[]) => {
      const wire = await target.tools.connect();
      target.tools.signIn(wire, { id: 'me', watchlist });
      await wire.next('pusher_internal:watchlist_events');
      return (await wire.settle()).filter(({ event }) => event === 'pusher:error').length;
    };
    const errors = [await signIn(['a', 'b']), await signIn(['a', 'b', 'c'])];
    expect(errors).toEqual([0, 1]);
  });

  test('6.8 WAVEHALL_AUTHORIZE_WITHIN', async () => {
    const idle = await target.tools.subscriber('orders');
    const signed = await target.tools.subscriber('private-a');
    expect((await idle.closing(6_000)).code).toBe(4009);
    await target.tools.receivesNothing(signed);
  });
});

describe('limits of rates', () => {
  const target = attackedServer({
    WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND: '4',
    WAVEHALL_MAX_MESSAGES_PER_SECOND: '5',
    WAVEHALL_MESSAGE_BURST: '20',
  });

  test('5.5 WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND, and later events are relayed again', async () => {
    const [a, b] = [await target.tools.subscriber('private-a'), await target.tools.subscriber('private-a')];
    for (const n of range(5)) target.tools.clientEvent(a, 'private-a', { n });
    target.tools.error(await a.next('pusher:error'), 4301);
    await b.until(
      () => b.pending.length === 4,
      () => 'four events',
    );
    await eventually(async () => {
      target.tools.clientEvent(a, 'private-a', { again: true });
      await sleep(200);
      return b.pending.length > 4;
    }, 'a later event is relayed');
  });

  test('2.12 WAVEHALL_MESSAGE_BURST', async () => {
    const wire = await target.tools.connect();
    for (const index of range(20)) target.tools.sendSubscribe(wire, `c${index}`);
    await wire.until(
      () => wire.pending.length === 20,
      () => 'twenty answers',
    );
    expect(wire.pending.every(({ event }) => event === SUCCEEDED)).toBe(true);
    const other = await target.tools.connect();
    const startMs = performance.now();
    for (const index of range(30)) target.tools.sendSubscribe(other, `c${index}`);
    await other.until(
      () => other.pending.length === 30,
      () => `thirty answers, not ${other.pending.length}`,
    );
    expect(other.pending.every(({ event }) => event === SUCCEEDED)).toBe(true);
    // Ten of them exceed the burst and are handled at five per second.
    expect(performance.now() - startMs).toBeGreaterThan(1500);
    expect(target.server.output()).toContain('WAVEHALL_MAX_MESSAGES_PER_SECOND');
  });
});

describe('limits of connections', () => {
  describe('of the app', () => {
    const target = attackedServer({ REVERB_APP_MAX_CONNECTIONS: '2' });
    test('2.7 REVERB_APP_MAX_CONNECTIONS', async () => {
      await times(2, () => target.tools.connect());
      await target.tools.refused(await target.tools.open(target.tools.path), 4004);
    });
  });

  describe('of the node', () => {
    const target = attackedServer({ WAVEHALL_MAX_CONNECTIONS: '2' });
    test('2.7 WAVEHALL_MAX_CONNECTIONS', async () => {
      await times(2, () => target.tools.connect());
      await target.tools.refused(await target.tools.open(target.tools.path), 4100);
    });
  });

  describe('of an address', () => {
    const target = attackedServer({
      WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: '2',
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
    });
    test('2.7 WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS, behind a trusted proxy by X-Forwarded-For', async () => {
      const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
      await times(2, () => target.tools.connect('', from('192.0.2.1')));
      await target.tools.refused(await target.tools.open(target.tools.path, from('192.0.2.1')), 4100);
      // The entry that the client wrote itself, before the proxy's, is ignored.
      await target.tools.refused(
        await target.tools.open(target.tools.path, from('192.0.2.9, 192.0.2.1')),
        4100,
      );
      await target.tools.connect('', from('192.0.2.2'));
    });
  });
});

describe("Reverb's limiter", () => {
  const target = attackedServer({
    REVERB_APP_RATE_LIMITING_ENABLED: 'true',
    REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS: '3',
    REVERB_APP_RATE_LIMIT_DECAY_SECONDS: '2',
  });

  test('2.12 REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS messages in REVERB_APP_RATE_LIMIT_DECAY_SECONDS, then the next window begins', async () => {
    const wire = await target.tools.connect();
    const isAccepted = async (channel: string): Promise<boolean> => {
      target.tools.sendSubscribe(wire, channel);
      const frames = await wire.settle();
      return frames.some(({ event }) => event === SUCCEEDED);
    };
    const startMs = performance.now();
    for (const channel of ['a', 'b', 'c']) expect(await isAccepted(channel)).toBe(true);
    expect(await isAccepted('d')).toBe(false);
    await eventually(() => isAccepted('d'), 'the next window begins');
    expect(performance.now() - startMs).toBeGreaterThan(1900);
    for (const channel of ['e', 'f']) expect(await isAccepted(channel)).toBe(true);
    expect(await isAccepted('g')).toBe(false);
  });
});

describe('remembered signatures', () => {
  const TOKEN = 'a-token-for-tests';
  const env = {
    WAVEHALL_REPLAY_PROTECTION: 'strict',
    WAVEHALL_REPLAY_SIGNATURES: '3',
    WAVEHALL_ADMIN_TOKEN: TOKEN,
  };
  const target = attackedServer(env, { usesApi: false });

  test('8.2 WAVEHALL_REPLAY_SIGNATURES: n signatures are remembered; with n + 1 the oldest is forgotten and counted', async () => {
    const paths = range(4).map((at) =>
      signedPath(target.tools.app, 'GET', `/apps/${APP.id}/channels/c${at}`),
    );
    const get = async (at: number) =>
      (await target.tools.request({ method: 'GET', path: paths[at]! })).status;
    const forgotten = async () => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { text } = await target.tools.request({ method: 'GET', path: '/admin/metrics', headers });
      return Number(/wavehall_replay_signatures_forgotten_total(?:\{[^}]*\})? (\d+)/.exec(text)?.[1]);
    };
    for (const at of [0, 1, 2]) expect(await get(at)).toBe(200);
    for (const at of [0, 1, 2]) expect(await get(at)).toBe(401);
    expect(await forgotten()).toBe(0);
    expect(await get(3)).toBe(200);
    expect(await forgotten()).toBe(1);
    expect(await get(0)).toBe(200);
    expect(await get(3)).toBe(401);
  });
});

describe('replayed requests', () => {
  const target = attackedServer({ WAVEHALL_REPLAY_PROTECTION: 'strict' }, { usesApi: false });

  test('8.2 A11 WAVEHALL_REPLAY_PROTECTION=strict: a repeated request gets 401 and is not delivered again', async () => {
    const wire = await target.tools.subscriber('orders');
    const signing = { timestampS: Math.floor(Date.now() / 1000) };
    const send = () =>
      target.tools.publisher.post('/events', { name: 'e', data: 'd', channel: 'orders' }, signing);
    expect([(await send()).status, (await send()).status]).toEqual([200, 401]);
    expect((await wire.settle()).length).toBe(1);
  });
});
