import { describe, expect, test } from 'vitest';
import { testApp } from '../core/fakes.ts';
import { EVENT, openHttp, type Reply, type TestHttpOptions } from './fixture.ts';

const limited = (requestsPerSecond: number, requestBurst = 0, more: TestHttpOptions = {}) =>
  openHttp({ app: testApp({ limits: { requestsPerSecond, requestBurst } }), ...more });

const rateFields = ({ headers }: Reply) => [
  headers['x-ratelimit-limit'],
  headers['x-ratelimit-remaining'],
  headers['retry-after'],
];

describe('requests per second', () => {
  test('8.15 each answer says how many requests are left, and a 429 when to come back', async () => {
    const http = await limited(1, 3);
    const answers: Reply[] = [];
    for (let at = 0; at < 4; at += 1) answers.push(await http.post('/events', EVENT));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers.map(rateFields)).toEqual([
      ['3', '2', undefined],
      ['3', '1', undefined],
      ['3', '0', undefined],
      ['3', '0', '1'],
    ]);
    http.clock.pass(1000);
    expect((await http.post('/events', EVENT)).status).toBe(200);
  });

  test('8.15 the burst is as large as the rate unless it is set, and is accepted anew after a pause', async () => {
    for (const [rate, burst, most] of [
      [5, 0, 5],
      [5, 1, 1],
      [2, 7, 7],
    ] as const) {
      const http = await limited(rate, burst);
      for (const pauseMs of [0, 3_600_000]) {
        http.clock.pass(pauseMs);
        const answers = await Promise.all(Array.from({ length: 20 }, () => http.get('/channels')));
        expect(answers.filter(({ status }) => status === 200)).toHaveLength(most);
      }
    }
  });

  test('8.15 answers with an error have the fields and take a token, too', async () => {
    const http = await limited(2);
    const answers = [await http.post('/events', '{'), await http.post('/events', {})];
    expect(answers.map(({ status }) => status)).toEqual([400, 422]);
    expect(answers.map(rateFields)).toEqual([
      ['2', '1', undefined],
      ['2', '0', undefined],
    ]);
    expect((await http.get('/channels')).status).toBe(429);
  });

  test('8.15 a batch and an event to many channels take one token each', async () => {
    const http = await limited(2);
    const batch = Array.from({ length: 10 }, () => EVENT);
    const channels = Array.from({ length: 100 }, (_, at) => `c${at}`);
    expect((await http.post('/batch_events', { batch })).status).toBe(200);
    expect((await http.post('/events', { name: 'n', data: '1', channels })).status).toBe(200);
    expect((await http.get('/channels')).status).toBe(429);
  });

  test('8.15 nobody without the secret takes a token, whatever is sent', async () => {
    const http = await limited(1);
    const url = http.signed('POST', '/apps/app-id/events', { body: EVENT });
    const forged = [
      ['POST', '/apps/app-id/events', EVENT],
      ['POST', `${url}x`, EVENT],
      ['POST', url, { ...EVENT, name: 'other' }],
      ['POST', url.replace(/auth_timestamp=\d+/, 'auth_timestamp=1'), EVENT],
      ['GET', url.replace('/events', '/channels'), undefined],
    ] as const;
    for (const [method, path, body] of forged) {
      const answer = await http.send(method, path, { body });
      expect([answer.status, rateFields(answer)]).toEqual([401, [undefined, undefined, undefined]]);
    }
    const old = await http.call('GET', '/apps/app-id/channels', { ageSeconds: 601 });
    const wrong = await http.call('GET', '/apps/app-id/channels', {
      credential: { key: 'app-key', secret: 'wrong' },
    });
    const compressed = await http.post('/events', EVENT, { headers: { 'content-encoding': 'gzip' } });
    expect([old.status, wrong.status, compressed.status]).toEqual([401, 401, 415]);
    expect((await http.send('POST', url, { body: EVENT })).status).toBe(200);
  });

  test('8.15 a recorded request takes no token a second time, with replay protection', async () => {
    const http = await limited(2, 0, { refuseReplays: true });
    const url = http.signed('POST', '/apps/app-id/events', { body: EVENT });
    const statuses: number[] = [];
    for (let at = 0; at < 5; at += 1) statuses.push((await http.send('POST', url, { body: EVENT })).status);
    expect(statuses).toEqual([200, 401, 401, 401, 401]);
    expect((await http.get('/channels')).status).toBe(200);
    expect((await http.get('/connections')).status).toBe(429);
  });

  test('8.15 without a limit no answer has the fields', async () => {
    const http = await openHttp();
    expect(rateFields(await http.post('/events', EVENT))).toEqual([undefined, undefined, undefined]);
  });

  test('8.15 counts requests with and without prefix together, and each app separately', async () => {
    const limits = { requestsPerSecond: 1, requestBurst: 0 };
    const apps = [testApp({ limits }), { ...testApp({ limits }), id: 'b' }];
    const http = await openHttp({ apps, prefix: 'ws' });
    expect((await http.get('/channels')).status).toBe(200);
    expect((await http.call('GET', '/ws/apps/app-id/channels')).status).toBe(429);
    expect((await http.call('GET', '/apps/b/channels')).status).toBe(200);
  });
});
