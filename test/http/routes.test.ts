import { beforeAll, describe, expect, test } from 'vitest';
import { type Http, openHttp, shown } from './fixture.ts';

const INVALID = 'Authentication signature invalid.';
const PATHS: readonly (readonly [path: string, allow: string])[] = [
  ['/apps/app-id/events', 'POST'],
  ['/apps/app-id/batch_events', 'POST'],
  ['/apps/app-id/channels', 'GET'],
  ['/apps/app-id/channels/presence-a', 'GET'],
  ['/apps/app-id/channels/presence-a/users', 'GET'],
  ['/apps/app-id/channels/presence-a/events', 'GET'],
  ['/apps/app-id/users/7/terminate_connections', 'POST'],
  ['/apps/app-id/connections', 'GET'],
  ['/up', 'GET, HEAD'],
  ['/live', 'GET, HEAD'],
  ['/ready', 'GET, HEAD'],
  ['/health', 'GET, HEAD'],
  ['/health/websocket', 'GET, HEAD'],
  ['/health/redis', 'GET, HEAD'],
  ['/health/detailed', 'GET, HEAD'],
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

const fullPaths = (prefix: string) => [...new Set(['', prefix && `/${prefix}`])];

describe.each(['', 'ws'])('8.1 with the prefix %j', (prefix) => {
  let http: Http;
  beforeAll(async () => {
    http = await openHttp({ prefix });
  });

  /** Routes that the router serves, without those that answer 405. */
  const served = async () => {
    const found: [method: string, path: string][] = [];
    for (const { methods, path } of http.routes)
      for (const method of methods)
        if ((await http.send(method, path)).status !== 405) found.push([method, path]);
    return found;
  };

  test('8.1 serves the routes of the table and no others', async () => {
    const expected = fullPaths(prefix).flatMap((base) => [
      ...PATHS.flatMap(([path, allow]) => allow.split(', ').map((method) => `${method} ${base}${path}`)),
      ...['', '/'].flatMap((end) => ['GET', 'HEAD'].map((method) => `${method} ${base}/app/app-key${end}`)),
    ]);
    const found = (await served()).map(([method, path]) => `${method} ${path}`);
    expect([...new Set(found)].sort()).toEqual(expected.sort());
  });

  test('8.2 refuses unsigned, wrongly signed and 601 s old requests on every route under /apps', async () => {
    const routes = (await served()).filter(([, path]) => path.includes('/apps/'));
    expect(routes).toHaveLength(8 * fullPaths(prefix).length);
    for (const [method, path] of routes) {
      const wrong = http.signed(method, path, { credential: { key: 'app-key', secret: 'wrong' } });
      const stranger = http.signed(method, path, { credential: { key: 'other', secret: 'app-secret' } });
      for (const url of [path, wrong, stranger, `${http.signed(method, path)}0`]) {
        expect([url, ...shown(await http.send(method, url))]).toEqual([url, 401, INVALID]);
      }
      for (const ageSeconds of [601, -601]) {
        const old = await http.call(method, path, { ageSeconds });
        expect([method, path, old.status, String(old.body).slice(0, 18)]).toEqual([
          method,
          path,
          401,
          'Timestamp expired:',
        ]);
      }
    }
  });

  test('8.2 accepts the same requests with a valid signature, up to 600 s old', async () => {
    for (const [method, path] of await served()) {
      if (!path.includes('/apps/')) continue;
      for (const ageSeconds of [600, 0, -600]) {
        const { status } = await http.call(method, path, { ageSeconds });
        expect([path, status]).toEqual([path, method === 'POST' && /events$/.test(path) ? 400 : 200]);
      }
    }
  });

  test('8.2 refuses a signature that was made for another route or method', async () => {
    const routes = (await served()).filter(([, path]) => path.includes('/apps/'));
    for (const [method, path] of routes) {
      for (const [otherMethod, otherPath] of routes) {
        if (otherPath.replace(/^\/ws/, '') === path.replace(/^\/ws/, '')) continue;
        const [, query] = http.signed(otherMethod, otherPath).split('?');
        expect([path, (await http.send(method, `${path}?${query}`)).status]).toEqual([path, 401]);
      }
    }
  });

  test.each(PATHS)('8.3 answers methods of %s other than %s with 405', async (path, allow) => {
    for (const base of fullPaths(prefix)) {
      for (const method of METHODS.filter((each) => !allow.split(', ').includes(each))) {
        for (const url of [base + path, http.signed(method, base + path)]) {
          const { status, headers, body } = await http.send(method, url);
          const text = method === 'HEAD' ? '' : 'Method not allowed.';
          expect([method, status, headers.allow, body]).toEqual([method, 405, allow, text]);
        }
      }
    }
  });

  test.each([
    '/',
    '/apps',
    '/apps/',
    '/apps/app-id',
    '/apps/app-id/',
    '/apps/app-id/nothing',
    '/app',
    '/UP',
    '/up/',
    '/apps/app-id/events/',
  ])('8.3 answers %s with 404', async (path) => {
    for (const base of fullPaths(prefix)) {
      for (const method of METHODS.filter((each) => each !== 'HEAD')) {
        const answer = await http.call(method, base + path);
        expect([method, ...shown(answer)]).toEqual([method, 404, 'Not found.']);
        expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
      }
    }
  });

  test.each(['/app/app-key', '/app/app-key/', '/app/unknown'])(
    '2.1 answers GET %s with 426 and Upgrade: websocket',
    async (path) => {
      for (const base of fullPaths(prefix)) {
        const { status, headers, body } = await http.send('GET', base + path);
        expect([status, body]).toEqual([426, 'Upgrade required.']);
        expect(headers).toMatchObject({ upgrade: 'websocket', connection: 'Upgrade' });
      }
    },
  );
});

test('8.1 answers 404 below another prefix', async () => {
  const http = await openHttp({ prefix: 'ws' });
  expect(shown(await http.call('GET', '/wss/apps/app-id/channels'))).toEqual([404, 'Not found.']);
  expect(shown(await http.call('GET', '/ws/ws/apps/app-id/channels'))).toEqual([404, 'Not found.']);
});

test('7.4 accepts a signature over the path with or without the prefix', async () => {
  const http = await openHttp({ prefix: 'ws' });
  const path = '/apps/app-id/channels';
  expect((await http.send('GET', `/ws${http.signed('GET', path)}`)).status).toBe(200);
  expect((await http.send('GET', http.signed('GET', `/ws${path}`))).status).toBe(200);
  expect((await http.send('GET', http.signed('GET', `/ws${path}`).slice(3))).status).toBe(401);
});

describe('8.11 health', () => {
  test.each([
    ['/up', { health: 'OK' }, 503, { health: 'DRAINING' }],
    ['/live', { live: true }, 200, { live: true }],
    ['/ready', { ready: true }, 503, { ready: false }],
  ])('8.11 answers %s while ready and while draining', async (path, ready, status, draining) => {
    const http = await openHttp({ prefix: 'ws' });
    for (const url of [path, `/ws${path}`, `${path}?auth_key=x&auth_signature=y`]) {
      http.condition.ready = true;
      expect(shown(await http.send('GET', url))).toEqual([200, ready]);
      expect((await http.send('HEAD', url)).status).toBe(200);
      http.condition.ready = false;
      expect(shown(await http.send('GET', url))).toEqual([status, draining]);
      expect(shown(await http.send('HEAD', url))).toEqual([status, '']);
    }
  });

  test('8.11 answers the exact JSON that health checks compare', async () => {
    const http = await openHttp();
    const { headers } = await http.send('GET', '/up');
    expect(headers['content-type']).toMatch(/^application\/json/);
  });
});
