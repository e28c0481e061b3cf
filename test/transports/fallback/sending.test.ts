/** Sends, headers and limits of the HTTP fallback, against the real command. */
import { request } from 'node:http';
import { afterAll, describe, expect, test } from 'vitest';
import { http } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import {
  bodyOf,
  closeShared,
  framesIn,
  linesOf,
  newSession,
  type Opened,
  PATH,
  type Site,
  startSite,
  subscribe,
  SUBSCRIBED,
  TRANSPORTS,
} from './site.ts';

afterAll(closeShared);

const MALFORMED = { event: 'pusher:error', data: { code: 4200, message: 'Invalid message format' } };
const PING = '{"event":"pusher:ping","data":{}}';

/** An ASCII text with each character in six, as JSON allows. */
const escapedText = (text: string): string =>
  text.replace(/./g, (each) => `\\u00${each.charCodeAt(0).toString(16)}`);

const send = (site: Site, { socket }: Opened, body: string | Buffer) =>
  site.post(`${socket.path}/xhr_send`, body);

describe.each(TRANSPORTS)('sending, for a session over %s', (transport) => {
  test('10.2 a body that cannot be read is answered with 500, and is one malformed message', async (context) => {
    const site = await startSite(context);
    const client = await site.connect(transport);
    for (const [body, text] of [
      ['', 'Payload expected.'],
      ['x', 'Broken JSON encoding.'],
      ['{}', 'Broken JSON encoding.'],
      ['["a",1]', 'Broken JSON encoding.'],
      [Buffer.from([0x5b, 0x22, 0xf0, 0x9f, 0x98, 0x22, 0x5d]), 'Broken JSON encoding.'],
      [Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]), 'Broken JSON encoding.'],
    ] as const) {
      expect(await send(site, client, body)).toMatchObject({ status: 500, text });
      expect(await client.wire.first()).toEqual(MALFORMED);
    }
    expect(await client.wire.settle()).toEqual([]);
  });

  test('10.2 a frame that is split inside a character is malformed, and its neighbours are handled', async (context) => {
    const site = await startSite(context);
    const client = await site.connect(transport);
    const body = `[${JSON.stringify(PING)},"{\\"event\\":\\"client-\\ud83d","\\ude00\\"}",${JSON.stringify(PING)}]`;
    expect((await send(site, client, body)).status).toBe(204);
    const frames = [1, 2, 3, 4].map(() => client.wire.first());
    expect((await Promise.all(frames)).map(({ event }) => event)).toEqual([
      'pusher:pong',
      'pusher:error',
      'pusher:error',
      'pusher:pong',
    ]);
  });

  test('10.6 handles the frames of one body in order, and a character that its sender escapes', async (context) => {
    const site = await startSite(context);
    const client = await site.connect(transport);
    const names = Array.from({ length: 50 }, (_, at) => `channel-${at}`);
    await send(site, client, bodyOf(...names.map(subscribe)));
    for (const name of names) expect((await client.wire.first()).channel).toBe(name);
    await send(site, client, `["${escapedText(subscribe('escaped'))}"]`);
    expect(await client.wire.first()).toMatchObject({ event: SUBSCRIBED, channel: 'escaped' });
  });

  test('10.6 takes a message of the largest size however it is escaped, and closes with 1009 for one byte more', async (context) => {
    const site = await startSite(context, { REVERB_APP_MAX_MESSAGE_SIZE: '1000' });
    const client = await site.connect(transport);
    const escaped = (length: number): string => `["${escapedText(PING.padEnd(length))}"]`;
    expect((await send(site, client, escaped(1000))).status).toBe(204);
    expect((await client.wire.first()).event).toBe('pusher:pong');
    const other = await site.connect(transport);
    expect((await send(site, client, bodyOf(PING.padEnd(1001)))).status).toBe(204);
    expect(await client.wire.closing()).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
    expect((await send(site, other, escaped(1001))).status).toBe(413);
    expect(await other.wire.closing()).toEqual({ code: 1009, reason: 'Maximum message size exceeded' });
  });

  test('10.6 messages wait while the session is not read; with more than may wait it is closed', async (context) => {
    const site = await startSite(context, {
      WAVEHALL_HTTP_FALLBACK_WAITING: '100',
      WAVEHALL_MAX_MESSAGES_PER_SECOND: '1',
      WAVEHALL_MESSAGE_BURST: '1',
    });
    const message = '{"event":"ignored"}';
    const patient = await site.connect(transport);
    expect((await send(site, patient, bodyOf(...Array<string>(50).fill(message)))).status).toBe(204);
    const hasty = await site.connect(transport);
    await send(site, hasty, bodyOf(...Array<string>(300).fill(message)));
    expect(await hasty.wire.closing()).toEqual({ code: 4100, reason: 'Rate limit exceeded' });
    expect(patient.wire.ended).toBeUndefined();
  });

  test('10.7 allows pages of every origin to read every answer', async (context) => {
    const site = await startSite(context);
    const { socket } = await site.connect(transport);
    for (const [path, body, status] of [
      [`${socket.path}/xhr_send`, '[]', 204],
      [`${socket.path}/xhr_send`, 'x', 500],
      [`${newSession()}/xhr_send`, '[]', 404],
      [`${PATH}/1/short/xhr`, '', 400],
      [`${newSession('/pusher/app/nope')}/xhr`, '', 200],
    ] as const) {
      const answer = await site.post(path, body, { Origin: 'https://page.test' });
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.headers).toMatchObject({
        'access-control-allow-origin': 'https://page.test',
        vary: 'Origin',
        'cache-control': 'no-store, no-cache, no-transform, must-revalidate, max-age=0',
      });
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
    }
  });
});

describe('headers', () => {
  test('10.7 answers the question of a browser for each path', async (context) => {
    const site = await startSite(context);
    for (const purpose of ['xhr', 'xhr_streaming', 'xhr_send']) {
      const { status, headers } = await http(site.server, {
        ...{ method: 'OPTIONS', path: `${newSession()}/${purpose}` },
        headers: { Origin: 'https://page.test', 'Access-Control-Request-Headers': 'content-type, x-a' },
      });
      expect(status).toBe(204);
      expect(headers).toMatchObject({
        'access-control-allow-origin': 'https://page.test',
        'access-control-allow-methods': 'OPTIONS, POST',
        'access-control-allow-headers': 'content-type, x-a',
        'access-control-max-age': '7200',
      });
      expect(headers['cache-control']).toBeUndefined();
    }
  });

  test('10.7 names type and caching of a receiving response', async (context) => {
    const site = await startSite(context);
    const { headers } = await site.post(`${newSession()}/xhr`);
    expect(headers).toMatchObject({
      'content-type': 'application/javascript; charset=UTF-8',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
    });
  });

  test('10.3 ignores the type and the body of a request', async (context) => {
    const site = await startSite(context);
    for (const type of ['text/plain', 'application/json', 'nonsense', ''])
      for (const body of ['', '{', 'x'.repeat(300_000)]) {
        const path = newSession();
        const answer = await site.post(`${path}/xhr`, body, { 'Content-Type': type });
        expect(linesOf(answer.text)[0]).toBe('o');
        expect((await site.post(`${path}/xhr_send`, '[]', { 'Content-Type': type })).status).toBe(204);
      }
  });
});

describe('limits', () => {
  test('10.8 a session counts as a connection of the node, of its address and of its app', async (context) => {
    for (const [env, code] of [
      [{ WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: '2' }, 4100],
      [{ WAVEHALL_MAX_CONNECTIONS: '2' }, 4100],
      [{ REVERB_APP_MAX_CONNECTIONS: '2' }, 4004],
    ] as const) {
      const site = await startSite(context, env);
      for (const transport of TRANSPORTS) await site.connect(transport);
      for (const transport of TRANSPORTS) expect((await site.open(transport).wire.closing()).code).toBe(code);
      expect(await site.connections()).toBe(2);
    }
  });

  test('10.8 the address of a client is the one that a trusted proxy names', async (context) => {
    const site = await startSite(context, {
      WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS: '1',
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
    });
    const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
    await site.connect('xhr_streaming', from('203.0.113.1'));
    await site.connect('xhr_polling', from('203.0.113.2'));
    expect((await site.open('xhr_polling', from('203.0.113.1')).wire.closing()).code).toBe(4100);
  });

  test('10.4 thousands of sessions without a receiving request end, and count no longer', async (context) => {
    const site = await startSite(context, {
      WAVEHALL_HTTP_FALLBACK_AWAY: '1',
      WAVEHALL_MAX_CONNECTIONS: '1000',
    });
    const open = async (): Promise<void> => {
      for (let opened = 0; opened < 100; opened += 1) await site.post(`${newSession()}/xhr?protocol=7`);
    };
    await Promise.all(Array.from({ length: 30 }, open));
    expect(await site.connections()).toBeLessThanOrEqual(1000);
    await eventually(async () => (await site.connections()) === 0, 'all sessions have ended');
    await site.connect('xhr_polling');
  });

  test('2.16 a session whose client does not read its stream is ended', async (context) => {
    const site = await startSite(context, { WAVEHALL_STALL_SECONDS: '1', REVERB_MAX_REQUEST_SIZE: '400000' });
    const path = newSession();
    const made = request({
      host: site.server.host,
      port: site.server.port,
      method: 'POST',
      path: `${path}/xhr_streaming`,
    });
    context.onTestFinished(() => void made.destroy());
    await new Promise<void>((resolve) =>
      made
        .on('response', () => resolve())
        .on('error', () => undefined)
        .end(),
    );
    await eventually(async () => (await site.connections()) === 1, 'the session is open');
    await site.post(`${path}/xhr_send`, bodyOf(subscribe('news')));
    const data = 'x'.repeat(300_000);
    await eventually(
      async () => {
        await site.api.post('/events', { name: 'e', channel: 'news', data });
        return (await site.metric('wavehall_refusals_total\\{reason="slow_reader"\\}')) === 1;
      },
      'the slow reader is cut',
      20_000,
    );
    expect(await site.connections()).toBe(0);
    expect((await site.post(`${path}/xhr_send`, '[]')).status).toBe(404);
  });

  test('2.16 a session that never receives is ended when more waits than may', async (context) => {
    const site = await startSite(context, {
      WAVEHALL_MAX_BUFFER_SIZE: '20000',
      WAVEHALL_SOFT_BUFFER_SIZE: '10000',
    });
    const path = newSession();
    await site.post(`${path}/xhr?protocol=7`);
    await site.post(`${path}/xhr_send`, bodyOf(subscribe('news')));
    for (let sent = 0; sent < 8; sent += 1)
      await site.api.post('/events', { name: 'e', channel: 'news', data: 'x'.repeat(5000) });
    await eventually(async () => (await site.connections()) === 0, 'the session has ended');
    expect(await site.metric('wavehall_refusals_total\\{reason="slow_reader"\\}')).toBe(1);
  });
});

describe('a session that is ended', () => {
  test('2.16 takes no event from the other subscribers of its channel', async (context) => {
    const site = await startSite(context, {
      WAVEHALL_MAX_BUFFER_SIZE: '50000',
      WAVEHALL_SOFT_BUFFER_SIZE: '10000',
    });
    const channel = 'news';
    const readers = [];
    for (const at of [0, 1, 2, 3]) {
      const client = await site.connect(TRANSPORTS[at % 2] ?? 'xhr_polling');
      client.wire.send(subscribe(channel));
      await client.wire.next(SUBSCRIBED);
      if (at < 2) client.wire.drop();
      else readers.push(client.wire);
    }
    for (let sent = 0; sent < 20; sent += 1)
      await site.api.post('/events', { name: `e${sent}`, channel, data: 'x'.repeat(5000) });
    for (const wire of readers) {
      await wire.next('e19');
      expect(wire.texts.filter((text) => text.includes('"event":"e'))).toHaveLength(20);
    }
    expect(await site.metric('wavehall_refusals_total\\{reason="slow_reader"\\}')).toBe(2);
  });
});

describe('renewal', () => {
  for (const text of ['ascii', 'übergröße ✓ 😀'])
    test(`10.5 a client that renews its stream after 256 KiB loses nothing: ${text}`, async (context) => {
      const site = await startSite(context);
      const { socket, wire } = await site.connect('xhr_streaming');
      wire.send(subscribe('news'));
      await wire.next(SUBSCRIBED);
      const characters = (): number => socket.lines.reduce((sum, line) => sum + line.length + 1, 0);
      let before = 0;
      const renew = (): void => {
        if (characters() - before <= 256 * 1024) return;
        before = characters();
        socket.renew();
      };
      wire.socket.on('message', renew);
      const data = text.repeat(Math.ceil(5000 / text.length));
      for (let sent = 0; sent < 200; sent += 1)
        await site.api.post('/events', { name: `e${sent}`, channel: 'news', data });
      await wire.next('e199', 20_000);
      const names = framesIn(socket.lines).flatMap(({ event }) =>
        /^e\d/.test(String(event)) ? [event] : [],
      );
      expect(names).toEqual(Array.from({ length: 200 }, (_, at) => `e${at}`));
      expect(socket.receivers).toBeGreaterThan(3);
    });
});
