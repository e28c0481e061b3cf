import { describe, expect, test, vi } from 'vitest';
import type { Stores } from '../../src/core/ports/stores.ts';
import { OutcomeUnknown, Unavailable } from '../../src/core/ports/failures.ts';
import { testApp, withOverrides } from '../core/fakes.ts';
import { EVENT, type Http, type TestHttpOptions, openHttp, type Reply, shown } from './fixture.ts';

const isText = ({ headers }: Reply) => headers['content-type'] === 'text/plain; charset=utf-8';

/** Every request there is, signed and well-formed. */
const requests = (http: Http): readonly Promise<Reply>[] => [
  http.post('/events', EVENT),
  http.post('/batch_events', { batch: [EVENT] }),
  http.get('/channels'),
  http.get('/channels/orders'),
  http.get('/channels/presence-a/users'),
  http.post('/users/7/terminate_connections'),
  http.get('/connections'),
];

describe('the application', () => {
  test.each(['unknown', '__proto__', 'constructor', 'app-key', 'APP-ID', '<b>', '%3Cb%3E', '0'])(
    '8.3 answers 404 for an app called %s',
    async (id) => {
      const http = await openHttp();
      const answer = await http.call('GET', `/apps/${id}/channels`);
      expect(shown(answer)).toEqual([404, `No matching application for ID [${decodeURIComponent(id)}].`]);
      expect(isText(answer)).toBe(true);
    },
  );

  test('8.3 repeats at most 256 characters of an unknown id', async () => {
    const http = await openHttp();
    const { body } = await http.call('GET', `/apps/${'x'.repeat(900)}/channels`);
    expect(body).toBe(`No matching application for ID [${'x'.repeat(256)}].`);
  });

  test('8.2 refuses the credentials of another app', async () => {
    const other = { ...testApp(), id: 'other', credentials: [{ key: 'k', secret: 's' }] as const };
    const http = await openHttp({ apps: [testApp(), other] });
    const credential = { key: 'k', secret: 's' };
    expect((await http.call('GET', '/apps/other/channels', { credential })).status).toBe(200);
    expect((await http.call('GET', '/apps/other/channels')).status).toBe(401);
    expect((await http.call('GET', '/apps/app-id/channels', { credential })).status).toBe(401);
  });

  test('7.6 accepts every key pair of an app', async () => {
    const older = { key: 'old-key', secret: 'old-secret' };
    const app = testApp({ credentials: [{ key: 'app-key', secret: 'app-secret' }, older] });
    const http = await openHttp({ app });
    const path = '/apps/app-id/channels';
    expect((await http.call('GET', path)).status).toBe(200);
    expect((await http.call('GET', path, { credential: older })).status).toBe(200);
    const mixed = { key: 'old-key', secret: 'app-secret' };
    expect((await http.call('GET', path, { credential: mixed })).status).toBe(401);
  });

  test('8.3 refuses every request to a disabled app with 403', async () => {
    const http = await openHttp({ app: testApp({ enabled: false }) });
    for (const answer of await Promise.all(requests(http))) {
      expect([...shown(answer), isText(answer)]).toEqual([403, 'Application is disabled.', true]);
    }
    expect((await http.send('GET', '/apps/app-id/channels')).status).toBe(401);
    expect((await http.send('GET', '/up')).status).toBe(200);
  });
});

describe('authentication', () => {
  test('8.2 names both times when a timestamp is outside the window', async () => {
    const http = await openHttp();
    http.clock.nowMs = Date.UTC(2012, 10, 16, 18, 0, 0, 999);
    const answer = await http.call('GET', '/apps/app-id/channels', { ageSeconds: 621 });
    expect(shown(answer)).toEqual([
      401,
      'Timestamp expired: Given timestamp (2012-11-16T17:49:39Z) not within 600s of server time (2012-11-16T18:00:00Z)',
    ]);
    expect(isText(answer)).toBe(true);
  });

  test('8.2 reads the window from a setting; 0 disables the check', async () => {
    const statuses = async (authWindowSeconds: number, ages: readonly number[]) => {
      const http = await openHttp({ app: testApp({ limits: { authWindowSeconds } }) });
      const answers = ages.map((ageSeconds) => http.call('GET', '/apps/app-id/channels', { ageSeconds }));
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    expect(await statuses(5, [5, -5, 6, -6])).toEqual([200, 200, 401, 401]);
    expect(await statuses(0, [5, 601, -601, 1_000_000_000])).toEqual([200, 200, 200, 200]);
  });

  test('8.2 refuses a body whose bytes are not the signed ones', async () => {
    const http = await openHttp();
    const text = JSON.stringify(EVENT);
    const url = http.signed('POST', '/apps/app-id/events', { body: text });
    for (const body of [`${text} `, text.replace('7', '8'), '', '{}'])
      expect((await http.send('POST', url, { body })).status).toBe(401);
    expect((await http.send('POST', url, { body: text })).status).toBe(200);
  });

  test('8.2 accepts the same request again without replay protection', async () => {
    const http = await openHttp();
    const url = http.signed('GET', '/apps/app-id/channels');
    for (const time of [1, 2]) expect([time, (await http.send('GET', url)).status]).toEqual([time, 200]);
  });
});

describe('a body', () => {
  test.each([
    '',
    ' ',
    '[]',
    '"x"',
    '7',
    'null',
    'true',
    '{',
    '{"name":',
    "{'a':1}",
    '\ufeff{}',
    'name=e&data=d',
    '['.repeat(100_000),
  ])('8.3 refuses a body that is not a JSON object: %.20s', async (body) => {
    const http = await openHttp();
    for (const path of ['/events', '/batch_events']) {
      const answer = await http.post(path, body);
      expect([...shown(answer), isText(answer)]).toEqual([400, 'Bad request.', true]);
    }
  });

  test('8.3 refuses a POST without body only where a body is needed', async () => {
    const http = await openHttp();
    expect(shown(await http.post('/events'))).toEqual([400, 'Bad request.']);
    expect(shown(await http.post('/batch_events'))).toEqual([400, 'Bad request.']);
    expect(shown(await http.post('/users/7/terminate_connections'))).toEqual([200, {}]);
    expect(shown(await http.post('/users/7/terminate_connections', '{}'))).toEqual([200, {}]);
  });

  test.each([
    'application/json',
    'application/json; charset=utf-7',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'nonsense',
    ';;;',
    '',
    ' ',
    'x'.repeat(2000),
  ])('8.1 reads a body as JSON whatever its Content-Type is: %.20s', async (type) => {
    const http = await openHttp();
    const headers = { 'content-type': type };
    expect(shown(await http.post('/events', EVENT, { headers }))).toEqual([200, {}]);
    expect((await http.post('/events', { ...EVENT, name: 5 }, { headers })).status).toBe(422);
    expect(shown(await http.post('/events', 'x', { headers }))).toEqual([400, 'Bad request.']);
    expect((await http.send('POST', '/apps/app-id/events', { body: '{}', headers })).status).toBe(401);
    expect((await http.post('/users/7/terminate_connections', undefined, { headers })).status).toBe(200);
  });

  test('8.3 ignores the body of a GET', async () => {
    const http = await openHttp();
    const url = http.signed('GET', '/apps/app-id/channels');
    const headers = { 'content-type': 'application/json' };
    expect((await http.send('GET', url, { body: '{', headers })).status).toBe(200);
  });
});

/** Memory stores of which one method fails. */
const failing = (
  port: Exclude<
    keyof Stores,
    | 'close'
    | 'isReady'
    | 'ping'
    | 'warnings'
    | 'lossMeter'
    | 'clusterLoad'
    | 'handover'
    | 'outbox'
    | 'prepareApps'
  >,
  method: string,
  error: unknown,
): TestHttpOptions => {
  const fail = vi.fn().mockRejectedValue(error);
  return {
    stores: (memory) => ({ ...memory, [port]: withOverrides<object>(memory[port], { [method]: fail }) }),
  };
};

const INFO = { info: 'user_count,subscription_count,cache' };
const STEPS = [
  ['broker', 'publish', (http: Http) => http.post('/events', EVENT)],
  ['broker', 'publish', (http: Http) => http.post('/batch_events', { batch: [EVENT] })],
  ['membership', 'channels', (http: Http) => http.get('/channels')],
  ['membership', 'occupancy', (http: Http) => http.get('/channels/orders')],
  ['cachedEvents', 'last', (http: Http) => http.get('/channels/cache-a', INFO)],
  ['membership', 'members', (http: Http) => http.get('/channels/presence-a/users')],
  ['quota', 'connections', (http: Http) => http.get('/connections')],
] as const;

/** Asked after the event was published. */
const AFTERWARDS = [
  ['membership', 'occupancy', (http: Http) => http.post('/events', { ...EVENT, ...INFO })],
  ['membership', 'occupancy', (http: Http) => http.post('/batch_events', { batch: [{ ...EVENT, ...INFO }] })],
  ['cachedEvents', 'last', (http: Http) => http.post('/events', { ...EVENT, channel: 'cache-a', ...INFO })],
] as const;

describe('the cluster', () => {
  test.each(STEPS)(
    '8.3 answers 503 with Retry-After when %s.%s is unavailable',
    async (port, method, request) => {
      const http = await openHttp(failing(port, method, new Unavailable('redis://:secret@10.0.0.1 is away')));
      const answer = await request(http);
      expect([...shown(answer), isText(answer)]).toEqual([503, 'Service unavailable.', true]);
      expect(answer.headers['retry-after']).toBe('1');
      expect(http.logger.errors).toEqual([]);
    },
  );
});

describe('a publish whose outcome in the cluster is unknown', () => {
  test.each([
    ['/events', EVENT],
    ['/batch_events', { batch: [EVENT] }],
  ])('8.3 is answered with 504 and counted, at %s', async (path, body) => {
    const http = await openHttp(failing('broker', 'publish', new OutcomeUnknown('lost')));
    const answer = await http.post(path, body);
    expect([...shown(answer), isText(answer)]).toEqual([
      504,
      'Outcome unknown: it may have been delivered.',
      true,
    ]);
    expect(http.logger.errors).toEqual([]);
  });

  test.each(AFTERWARDS)(
    '8.4 answers 200 for an accepted publish, also when %s.%s is unavailable after it',
    async (port, method, request) => {
      const http = await openHttp(failing(port, method, new Unavailable('away')));
      const answer = await request(http);
      expect(answer.status).toBe(200);
      expect(http.logger.errors).toEqual([]);
    },
  );

  test.each([
    ['/events', { ...EVENT, info: 'user_count' }],
    ['/batch_events', { batch: [EVENT, { ...EVENT, info: 'user_count' }] }],
  ])('8.4 publishes nothing when info is refused with 400, at %s', async (path, body) => {
    const publish = vi.fn().mockResolvedValue(undefined);
    const http = await openHttp({
      app: testApp({ strictInfo: true }),
      stores: (memory) =>
        ({ ...memory, broker: withOverrides<object>(memory.broker, { publish }) }) as Stores,
    });
    expect((await http.post(path, body)).status).toBe(400);
    expect(publish).not.toHaveBeenCalled();
  });
});

describe('a defect', () => {
  test.each([...STEPS, ...AFTERWARDS])(
    '8.3 answers a defect at %s.%s with 500, without its message, which is logged',
    async (port, method, request) => {
      const error = new Error('the secret is app-secret');
      const http = await openHttp(failing(port, method, error));
      const answer = await request(http);
      expect([...shown(answer), isText(answer)]).toEqual([500, 'Internal server error.', true]);
      expect(JSON.stringify(answer.headers)).not.toContain('secret');
      expect(http.logger.errors).toEqual([
        { message: 'Bug in Wavehall: a request was answered with 500. Please report this stack', error },
      ]);
    },
  );

  test('11.14 reports it to health, and no request without a valid signature', async () => {
    const outcomes: boolean[] = [];
    const options = failing('quota', 'connections', new Error('a defect'));
    const http = await openHttp({ ...options, onAnswered: (isOk) => void outcomes.push(isOk) });
    const wrong = { key: 'app-key', secret: 'wrong' };
    await http.call('GET', '/apps/app-id/connections', { credential: wrong });
    expect(outcomes).toEqual([]);
    await http.get('/connections');
    await http.get('/channels');
    await http.post('/events', '{');
    expect(outcomes).toEqual([false, true, true]);
  });

  test.each([
    ['with a status of the server', Object.assign(new Error('secret'), { statusCode: 502 })],
    ['with a status that is none', Object.assign(new Error('secret'), { statusCode: 'x' })],
    ['that is a text', 'secret'],
    ['that is an object', { code: 7 }],
    ['that is a number', 7],
    ['that is nothing', undefined],
    ['that is null', null],
  ])('8.3 treats %s as a defect', async (_what, error) => {
    const http = await openHttp(failing('quota', 'connections', error));
    expect(shown(await http.get('/connections'))).toEqual([500, 'Internal server error.']);
    expect(http.logger.errors).toHaveLength(1);
  });

  test('8.3 does not affect the next requests', async () => {
    const http = await openHttp(failing('quota', 'connections', new Error('x')));
    await http.get('/connections');
    expect((await http.get('/channels')).status).toBe(200);
  });
});
