import { describe, expect, test } from 'vitest';
import { Unavailable } from '../../src/core/ports/failures.ts';
import type { PartFacts, RequestFacts } from '../../src/core/trace/facts.ts';
import { CREDENTIAL, settled, testApp, withOverrides } from '../core/fakes.ts';
import { EVENT, type Http, openHttp, type Reply, type Sent } from './fixture.ts';

const HEADER = 'x-wavehall-event-id';
const idOf = ({ headers }: Reply): unknown => headers[HEADER];

/** The request with the id of an answer. */
function requestOf(http: Http, answer: Reply): RequestFacts {
  const [request] = http.trace.find({ id: String(idOf(answer)) }).requests;
  if (request === undefined) throw new Error('it is not kept');
  return request;
}

const partsOf = (http: Http, answer: Reply): readonly PartFacts[] => requestOf(http, answer).parts;

describe('the id of a request', () => {
  test('16.1 is a header of each answer to a publish, of the process and a growing number, and never in the body', async () => {
    const http = await openHttp();
    const answers = [
      await http.post('/events', EVENT),
      await http.post('/batch_events', { batch: [EVENT, EVENT] }),
      await http.post('/events', { ...EVENT, info: 'subscription_count' }),
    ];
    expect(answers.map(idOf)).toEqual(['test0000-1', 'test0000-2', 'test0000-3']);
    expect(JSON.stringify(answers.map(({ body }) => body))).not.toContain('test0000');
    for (const path of ['/channels', '/connections', '/channels/orders'])
      expect(idOf(await http.get(path))).toBeUndefined();
  });

  test.each<readonly [number, string, unknown, Sent]>([
    [400, 'Bad request.', 'no JSON', {}],
    [400, 'Invalid channel name: "a b"', { ...EVENT, channel: 'a b' }, {}],
    [413, 'The data content', { ...EVENT, data: 'x'.repeat(10_241) }, {}],
    [415, 'Content-Encoding', EVENT, { headers: { 'content-encoding': 'gzip' } }],
    [422, '{"name":', { channel: 'orders', data: '1' }, {}],
  ])('16.1 is a header of a refusal after the signature: %i %s', async (status, text, body, sent) => {
    const http = await openHttp();
    const answer = await http.post('/events', body, sent);
    expect([answer.status, idOf(answer)]).toEqual([status, 'test0000-1']);
    const { outcome } = requestOf(http, answer);
    expect(outcome.status).toBe(status);
    expect(outcome.answer).toContain(text);
  });

  test('16.1 is a header of 429, 503, and of a signature that is used again', async () => {
    const limited = await openHttp({ app: testApp({ limits: { requestsPerSecond: 1 } }) });
    await limited.post('/events', EVENT);
    const over = await limited.post('/events', EVENT);
    expect([over.status, idOf(over)]).toEqual([429, 'test0000-2']);
    const away = await openHttp({
      stores: (memory) => ({
        ...memory,
        broker: withOverrides(memory.broker, { publish: () => Promise.reject(new Unavailable('away')) }),
      }),
    });
    const unavailable = await away.post('/events', EVENT);
    expect([unavailable.status, idOf(unavailable)]).toEqual([503, 'test0000-1']);
    const strict = await openHttp({ refuseReplays: true });
    await strict.post('/events', EVENT);
    const again = await strict.post('/events', EVENT);
    expect([again.status, idOf(again)]).toEqual([401, 'test0000-2']);
  });

  test('16.1 is not given without a valid signature, for an unknown app, for one that is disabled, or for a large body', async () => {
    const http = await openHttp({
      apps: [testApp({ limits: { requestBytes: 300 } }), testApp({ id: 'off', enabled: false })],
    });
    const wrong = { credential: { key: 'app-key', secret: 'wrong' } };
    const answers = [
      await http.post('/events', EVENT, wrong),
      await http.post('/events', EVENT, { ageSeconds: 700 }),
      await http.call('POST', '/apps/none/events', { body: EVENT }),
      await http.call('POST', '/apps/off/events', { body: EVENT }),
      await http.post('/events', { ...EVENT, data: 'x'.repeat(300) }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 404, 403, 413]);
    expect(answers.map(idOf)).toEqual(answers.map(() => undefined));
  });

  test('16.2 is not given when nothing is kept', async () => {
    const http = await openHttp({ traceBytes: 0 });
    const answer = await http.post('/events', EVENT);
    expect([answer.status, idOf(answer)]).toEqual([200, undefined]);
    await http.post('/events', EVENT, { ageSeconds: 700 });
    expect(http.trace.find({})).toMatchObject({ requests: [], refusals: [] });
    expect(http.trace.bytes).toBe(0);
  });
});

describe('a request', () => {
  test('16.2 is kept with its app, key, address, library, events and excluded socket, and without data', async () => {
    const http = await openHttp();
    const body = { ...EVENT, channel: undefined, channels: ['orders', 'private-a'], socket_id: '1.2' };
    const headers = { 'x-pusher-library': `pusher-http-php 7.2 ${'x'.repeat(100)}`, 'user-agent': 'Guzzle' };
    const answer = await http.post('/events', body, { headers });
    const request = requestOf(http, answer);
    expect(request).toMatchObject({
      ...{ id: 'test0000-1', app: 'app-id', key: 'app-key', source: 'http', address: '127.0.0.1' },
      ...{ outcome: { status: 200 }, partCount: 2, bodyBytes: Buffer.byteLength(JSON.stringify(body)) },
      parts: [
        { place: 0, event: 'shipped', channel: 'orders', except: '1.2' },
        { place: 0, event: 'shipped', channel: 'private-a', except: '1.2' },
      ],
    });
    expect(request.agent).toBe(headers['x-pusher-library'].slice(0, 100));
    expect(JSON.stringify(request)).not.toContain('"id":7');
    expect(JSON.stringify(request)).not.toContain('\\"id\\"');
  });

  test('16.2 has the key that it was signed with, of several', async () => {
    const former = { key: 'former-key', secret: 'former-secret' };
    const http = await openHttp({ app: testApp({ credentials: [CREDENTIAL, former] }) });
    const answers = [
      await http.post('/events', EVENT),
      await http.post('/events', EVENT, { credential: former }),
    ];
    expect(answers.map((answer) => requestOf(http, answer).key)).toEqual(['app-key', 'former-key']);
  });

  test('16.1 of a batch names each event by its place', async () => {
    const http = await openHttp();
    const batch = [EVENT, { ...EVENT, name: 'paid', channel: 'private-a' }];
    const answer = await http.post('/batch_events', { batch });
    expect(partsOf(http, answer).map(({ place, event, channel }) => [place, event, channel])).toEqual([
      [0, 'shipped', 'orders'],
      [1, 'paid', 'private-a'],
    ]);
    const [second] = http.trace.find({ id: `${String(idOf(answer))}.1` }).requests;
    expect(second).toMatchObject({ partCount: 1, parts: [{ place: 1, event: 'paid' }] });
  });

  test('16.2 that is refused has the names that could be read, and size and limit', async () => {
    const http = await openHttp();
    const large = await http.post('/events', { ...EVENT, data: 'x'.repeat(10_241) });
    expect(requestOf(http, large).outcome).toMatchObject({ sizeBytes: 10_241, limitBytes: 10_240 });
    expect(partsOf(http, large)).toMatchObject([{ event: 'shipped', channel: 'orders' }]);
    const long = await http.post('/events', {
      name: 'n'.repeat(1000),
      channels: ['c'.repeat(1000), 7],
      data: 1,
    });
    expect(partsOf(http, long)).toMatchObject([{ event: 'n'.repeat(200), channel: 'c'.repeat(200) }]);
    for (const body of [
      '',
      '[]',
      'null',
      '{"batch":7}',
      '{"batch":[7,{"channel":{}}]}',
      '{"channels":{"a":1}}',
    ])
      expect(partsOf(http, await http.post('/events', body))).toEqual([]);
  });

  test('16.5 that repeats an idempotency key publishes nothing, and says so', async () => {
    const http = await openHttp();
    const headers = { 'idempotency-key': 'a' };
    const [first, again] = [
      await http.post('/events', EVENT, { headers }),
      await http.post('/events', EVENT, { headers }),
    ];
    expect(partsOf(http, first)[0]?.fingerprint).toEqual(expect.any(String));
    expect(partsOf(http, again)[0]?.fingerprint).toBeUndefined();
  });

  test('16.3 is found by its channel and as the last one, the newest first, and never by another app', async () => {
    const http = await openHttp();
    for (const name of ['a', 'b']) await http.post('/events', { ...EVENT, name });
    await http.post('/events', { ...EVENT, name: 'c', channel: 'other' });
    const names = (query: object) =>
      http.trace.find(query).requests.map(({ parts }) => parts.map(({ event }) => event).join());
    expect(names({ channel: 'orders' })).toEqual(['b', 'a']);
    expect(names({})).toEqual(['c', 'b', 'a']);
    expect(names({ app: 'app-id' })).toEqual(['c', 'b', 'a']);
    expect(names({ app: 'else' })).toEqual([]);
    expect(names({ app: 'else', channel: 'orders' })).toEqual([]);
  });

  test('16.2 refusals of publishes are counted by app and reason, with the difference of the clocks', async () => {
    const http = await openHttp();
    for (const ageSeconds of [700, 700, 660]) await http.post('/events', EVENT, { ageSeconds });
    await http.call('GET', '/apps/app-id/channels', { ageSeconds: 700 });
    expect(http.trace.find({ app: 'app-id' }).refusals).toMatchObject([
      { reason: 'http_timestamp', app: 'app-id', count: 3, example: { status: 401, clockOffSeconds: -660 } },
    ]);
  });

  test('16.2 client events have the client that sent them', async () => {
    const http = await openHttp();
    const [one, other] = [await http.connect(), await http.connect()];
    for (const client of [one, other]) client.subscribe('private-a');
    await settled();
    one.sendClientEvent('private-a', 'client-typing', { secret: 4242 });
    await settled();
    const [request] = http.trace.find({ channel: 'private-a' }).requests;
    expect(request).toMatchObject({
      ...{ source: 'client', socket: one.socketId, address: '192.0.2.1', outcome: { status: 200 } },
      parts: [{ event: 'client-typing', channel: 'private-a', except: one.socketId }],
    });
    expect(http.trace.find({}).requests).toEqual([]);
    expect(JSON.stringify(request)).not.toContain('4242');
  });
});
