/** Sessions of the HTTP fallback over real requests to the real command. */
import { afterAll, describe, expect, test } from 'vitest';
import { APP } from '../../support/app.ts';
import { http } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import {
  bodyOf,
  closeShared,
  framesIn,
  linesOf,
  newSession,
  PATH,
  startSite,
  subscribe,
  SUBSCRIBED,
  TRANSPORTS,
} from './site.ts';

afterAll(closeShared);

const PRELUDE = 'h'.repeat(2048);
const ESTABLISHED = 'pusher:connection_established';

describe('addresses', () => {
  test('10.3 serves a session with and without /pusher, the prefix and a tab id', async (context) => {
    const site = await startSite(context, { REVERB_SERVER_PATH: 'ws/eu' });
    for (const prefix of ['', '/ws/eu'])
      for (const base of [
        '',
        '/pusher',
        '/t/tab_id-8-tab_id-8',
        '/pusher/t/tab_id-8-tab_id-8',
        `/t/${'a'.repeat(64)}`,
      ]) {
        const path = newSession(`${prefix}${base}/app/${APP.key}`);
        const { status, text } = await site.post(`${path}/xhr?protocol=7`);
        expect([path, status, linesOf(text)[0]]).toEqual([path, 200, 'o']);
        expect((await site.post(`${path}/xhr_send`, '[]')).status).toBe(204);
      }
  });

  test('10.3 answers a path whose server, session or tab is not allowed with 400', async (context) => {
    const site = await startSite(context);
    const paths = [
      `${PATH}/1/short/xhr`,
      `${PATH}/1/${'a'.repeat(65)}/xhr`,
      `${PATH}/1/UPPERCASE/xhr`,
      `${PATH}/1.2/abcdefgh/xhr`,
      `${PATH}/${'1'.repeat(65)}/abcdefgh/xhr`,
      `${PATH}/%2F/abcdefgh/xhr_send`,
      `${PATH}/1/abc%00efgh/xhr_streaming`,
      `/t/123456789012345/app/${APP.key}/1/abcdefgh/xhr`,
      `/t/${'a'.repeat(65)}/app/${APP.key}/1/abcdefgh/xhr`,
      `/pusher/t/tab.id.8-tab.id.8/app/${APP.key}/1/abcdefgh/xhr_send`,
      `${PATH}/%ff/abcdefgh/xhr`,
    ];
    for (const path of paths) expect([path, (await site.post(path)).status]).toEqual([path, 400]);
  });

  test('10.3 answers other methods with 405, and other paths with 404', async (context) => {
    const site = await startSite(context);
    for (const purpose of ['xhr', 'xhr_streaming', 'xhr_send'])
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const { status, headers } = await http(site.server, { method, path: `${newSession()}/${purpose}` });
        expect([status, headers.allow]).toEqual([405, 'OPTIONS, POST']);
      }
    for (const path of [`${newSession()}/jsonp`, `${newSession()}/xhr/x`, `${PATH}/1/xhr`, `${PATH}/xhr`])
      expect([path, (await site.post(path)).status]).toEqual([path, 404]);
  });

  test('10.3 is turned off by a setting', async (context) => {
    const site = await startSite(context, { WAVEHALL_HTTP_FALLBACK: 'false' });
    for (const purpose of ['xhr', 'xhr_streaming', 'xhr_send'])
      expect((await site.post(`${newSession()}/${purpose}`)).status).toBe(404);
  });

  test('10.3 keeps sessions of other apps, servers and ids apart, and one session for all its paths', async (context) => {
    const site = await startSite(context);
    const path = newSession(`/app/${APP.key}`);
    expect(linesOf((await site.post(`${path}/xhr`)).text)[0]).toBe('o');
    for (const other of [path.replace('/1/', '/2/'), `${path}x`, path.replace(APP.key, 'nope')])
      expect((await site.post(`${other}/xhr_send`, '[]')).status).toBe(404);
    for (const same of [path, `/pusher${path}`, `/t/1234567890123456${path}`])
      expect((await site.post(`${same}/xhr_send`, '[]')).status).toBe(204);
  });
});

describe.each(TRANSPORTS)('a session over %s', (transport) => {
  test('10.1 opens with o, then the first frame', async (context) => {
    const site = await startSite(context);
    const { socket, wire } = await site.connect(transport);
    expect(socket.lines[0]).toBe(transport === 'xhr_streaming' ? PRELUDE : 'o');
    expect(socket.lines.filter((line) => line.startsWith('o'))).toEqual(['o']);
    wire.send(subscribe('news'));
    await wire.next(SUBSCRIBED);
    expect(socket.lines.filter((line) => line.startsWith('o'))).toEqual(['o']);
  });

  test('10.1 refuses with o, the error and c', async (context) => {
    const site = await startSite(context, { WAVEHALL_ALLOWED_ORIGINS: 'good.test' });
    for (const [code, message, path] of [
      [4001, 'Application does not exist', '/pusher/app/nope?protocol=7'],
      [4007, 'Unsupported protocol version', `${PATH}?protocol=3`],
      [4009, 'Origin not allowed', `${PATH}?protocol=7`],
    ] as const) {
      const { socket, wire } = site.open(transport, { path, origin: 'https://evil.test' });
      expect(await wire.closing()).toEqual({ code, reason: message });
      const error = JSON.stringify({ event: 'pusher:error', data: { code, message } });
      expect(socket.lines.filter((line) => line !== PRELUDE)).toEqual([
        'o',
        `a${JSON.stringify([error])}`,
        `c[${code},"${message}"]`,
      ]);
    }
    expect(await site.connections()).toBe(0);
  });

  test('10.4 a further receiving request takes over, without a second o and without a loss', async (context) => {
    const site = await startSite(context);
    const { socket, wire } = await site.connect(transport);
    wire.send(subscribe('news'));
    await wire.next(SUBSCRIBED);
    for (let number = 0; number < 20; number += 1) {
      socket.receive();
      await site.api.post('/events', { name: `e${number}`, channel: 'news', data: '' });
      await wire.next(`e${number}`);
    }
    expect(wire.texts.filter((text) => text.includes('"event":"e'))).toHaveLength(20);
    expect(socket.lines.filter((line) => line.startsWith('o'))).toHaveLength(1);
  });

  test('10.4 ends without a receiving request, when the time is over and not before', async (context) => {
    const site = await startSite(context, { WAVEHALL_HTTP_FALLBACK_AWAY: '2' });
    const { wire } = await site.connect(transport);
    const openedMs = performance.now();
    wire.drop();
    expect(await site.connections()).toBe(1);
    await eventually(async () => (await site.connections()) === 0, 'the session has ended');
    const awayMs = performance.now() - openedMs;
    expect(awayMs).toBeGreaterThan(1900);
    expect(awayMs).toBeLessThan(5000);
  });

  test('10.5 sends a heartbeat in silence, and none in answer to []', async (context) => {
    const site = await startSite(context, { WAVEHALL_HTTP_FALLBACK_HEARTBEAT: '1' });
    const { socket, wire } = await site.connect(transport);
    const heartbeats = (): number => socket.lines.filter((line) => line === 'h').length;
    await eventually(() => heartbeats() >= 2, 'two heartbeats');
    const before = heartbeats();
    for (let sent = 0; sent < 50; sent += 1) socket.sendBody('[]');
    await wire.settle();
    expect(heartbeats()).toBeLessThanOrEqual(before + 1);
  });

  test('10.5 a session without any sign of life is closed with 4201', async (context) => {
    const site = await startSite(context, { REVERB_APP_PING_INTERVAL: '1', WAVEHALL_PONG_TIMEOUT: '1' });
    const { wire } = await site.connect(transport, { autoPong: false });
    if (transport === 'xhr_streaming')
      expect(await wire.closing()).toEqual({ code: 4201, reason: 'Pong reply not received in time' });
    // Each poll is a sign of life.
    else {
      await wire.until(
        () => wire.pings.length >= 3,
        () => 'three heartbeats',
        15_000,
      );
      expect(wire.ended).toBeUndefined();
    }
  });

  test('2.13 a drain closes with 4200', async (context) => {
    const site = await startSite(context, { WAVEHALL_DRAIN_SECONDS: '1' });
    const { wire } = await site.connect(transport);
    site.server.kill('SIGTERM');
    expect((await wire.closing()).code).toBe(4200);
  });
});

describe('polling', () => {
  test('10.4 the next request gets what waited, in order, and the close of a session that was closed meanwhile', async (context) => {
    const site = await startSite(context);
    const path = newSession();
    const opened = linesOf((await site.post(`${path}/xhr?protocol=7`)).text);
    const rest = opened.length > 1 ? opened : linesOf((await site.post(`${path}/xhr`)).text);
    expect(framesIn(rest)[0]?.event).toBe(ESTABLISHED);
    await site.post(`${path}/xhr_send`, bodyOf(subscribe('a'), subscribe('b')));
    const waited = framesIn(linesOf((await site.post(`${path}/xhr`)).text));
    expect(waited.map(({ channel }) => channel)).toEqual(['a', 'b']);
    await site.post(`${path}/xhr_send`, bodyOf('x'.repeat(10_001)));
    for (let late = 0; late < 2; late += 1)
      expect(linesOf((await site.post(`${path}/xhr`)).text)).toEqual([
        'c[1009,"Maximum message size exceeded"]',
      ]);
    expect((await site.post(`${path}/xhr_send`, '[]')).status).toBe(404);
  });

  test('10.4 a session that is forgotten begins anew', async (context) => {
    const site = await startSite(context, { WAVEHALL_HTTP_FALLBACK_AWAY: '1' });
    const path = newSession();
    await site.post(`${path}/xhr?protocol=3`);
    await eventually(
      async () => linesOf((await site.post(`${path}/xhr?protocol=7`)).text)[0] === 'o',
      'the session opens again',
    );
  });

  test('10.4 a session has the frames that may wait, and ends with one more', async (context) => {
    const site = await startSite(context, { WAVEHALL_HTTP_FALLBACK_QUEUE: '5' });
    const path = newSession();
    const opened = await site.post(`${path}/xhr?protocol=7`);
    if (!opened.text.includes(ESTABLISHED)) await site.post(`${path}/xhr`);
    const pings = (count: number) => bodyOf(...Array<string>(count).fill('{"event":"pusher:ping"}'));
    await site.post(`${path}/xhr_send`, pings(5));
    expect(framesIn(linesOf((await site.post(`${path}/xhr`)).text))).toHaveLength(5);
    await site.post(`${path}/xhr_send`, pings(6));
    expect((await site.post(`${path}/xhr_send`, '[]')).status).toBe(404);
    expect(await site.metric('wavehall_refusals_total\\{reason="slow_reader"\\}')).toBe(1);
  });
});
