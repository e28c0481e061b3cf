import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { OutcomeUnknown, Unavailable } from '../../src/core/ports/failures.ts';
import type { Stores } from '../../src/core/ports/stores.ts';
import { testApp, withOverrides } from '../core/fakes.ts';
import { EVENT, type Http, openHttp, shown, type TestHttpOptions } from './fixture.ts';

const USED = [422, { idempotency_key: ['The idempotency key was used for another request.'] }];
const BATCH = {
  batch: [
    { ...EVENT, name: 'a' },
    { ...EVENT, name: 'b', channel: 'other' },
    { ...EVENT, name: 'b', channel: 'other' },
  ],
};

let http: Http;
beforeEach(async () => {
  http = await openHttp();
});

const post = (body: unknown, key: string | undefined, path = '/events', header = 'idempotency-key') =>
  http.post(path, body, key === undefined ? {} : { headers: { [header]: key } });

/** Names of the events in the history of a channel. */
async function published(channel = 'orders'): Promise<string[]> {
  const { body } = await http.get(`/channels/${channel}/events`);
  return (body as { events: { name: string }[] }).events.map(({ name }) => name);
}

describe('a publish with an idempotency key', () => {
  test('8.16 is published once and answered the same, under either name of the header', async () => {
    for (const header of ['idempotency-key', 'Idempotency-Key', 'X-Idempotency-Key'])
      expect(shown(await post(EVENT, 'k', '/events', header))).toEqual([200, {}]);
    expect(await published()).toEqual(['shipped']);
    expect(shown(await post(EVENT, 'k2'))).toEqual([200, {}]);
    expect(shown(await post(EVENT, undefined))).toEqual([200, {}]);
    expect(await published()).toEqual(['shipped', 'shipped', 'shipped']);
  });

  test('8.16 is published once when many arrive at the same time', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(EVENT, 'k')));
    expect(answers.map(shown)).toEqual(Array.from({ length: 20 }, () => [200, {}]));
    expect(await published()).toEqual(['shipped']);
  });

  test('8.16 publishes every event of a batch once, equal ones too, and every channel of an event', async () => {
    for (let at = 0; at < 2; at += 1) {
      expect(shown(await post(BATCH, 'batch', '/batch_events'))).toEqual([200, {}]);
      const body = { name: 'many', data: '1', channels: ['x', 'y', 'x'] };
      expect(shown(await post(body, 'many'))).toEqual([200, {}]);
    }
    expect(await published()).toEqual(['a']);
    expect(await published('other')).toEqual(['b', 'b']);
    expect([await published('x'), await published('y')]).toEqual([['many'], ['many']]);
  });

  test('8.16 counts each event once in the metrics, and a repeated request as such', async () => {
    for (let at = 0; at < 3; at += 1) await post(BATCH, 'k', '/batch_events');
    const traffic = http.traffic.of('app-id');
    expect([...traffic.published.entries()]).toEqual([['batch', 3]]);
    expect(traffic.apiRepeats).toBe(2);
  });

  test('8.16 the same key with another body or route is refused, and publishes nothing', async () => {
    await post(EVENT, 'k');
    expect(shown(await post({ ...EVENT, data: '8' }, 'k'))).toEqual(USED);
    expect(shown(await post(`${JSON.stringify(EVENT)} `, 'k'))).toEqual(USED);
    expect(shown(await post({ ...EVENT, batch: [EVENT] }, 'k', '/batch_events'))).toEqual(USED);
    expect(await published()).toEqual(['shipped']);
  });

  test('8.16 a request that is not valid binds no key', async () => {
    expect((await post({ ...EVENT, name: undefined }, 'k')).status).toBe(422);
    expect((await post('{', 'k')).status).toBe(400);
    expect((await post({ ...EVENT, data: 'x'.repeat(10_241) }, 'k')).status).toBe(413);
    expect((await http.send('POST', '/apps/app-id/events', { body: EVENT })).status).toBe(401);
    expect(shown(await post(EVENT, 'k'))).toEqual([200, {}]);
  });

  test('8.16 apps have keys of their own', async () => {
    http = await openHttp({ apps: [testApp(), { ...testApp(), id: 'b' }] });
    const headers = { 'idempotency-key': 'k' };
    for (const app of ['app-id', 'b'])
      expect((await http.call('POST', `/apps/${app}/events`, { body: EVENT, headers })).status).toBe(200);
    expect([...http.traffic.of('b').published.entries()]).toEqual([['http', 1]]);
  });

  test('8.16 the answer with attributes is the first one, as long as it is kept', async () => {
    const body = { ...EVENT, channel: 'cache-c', info: 'cache' };
    const first = await post(body, 'k');
    expect(first.body).toMatchObject({ channels: { 'cache-c': { cache: { data: EVENT.data } } } });
    await post({ ...EVENT, channel: 'cache-c', data: 'newer' }, undefined);
    expect(shown(await post(body, 'k'))).toEqual(shown(first));
    const now = await http.get('/channels/cache-c', { info: 'cache' });
    expect(now.body).toMatchObject({ cache: { data: 'newer' } });
  });

  test('8.16 has no effect on other requests, and none at all when it is switched off', async () => {
    const headers = { 'idempotency-key': '\t'.repeat(300) };
    expect((await http.call('GET', '/apps/app-id/channels', { headers })).status).toBe(200);
    http = await openHttp({ idempotency: { idempotencySeconds: 0 } });
    for (let at = 0; at < 2; at += 1) expect((await post(EVENT, 'é'.repeat(300))).status).toBe(200);
    expect(await published()).toEqual(['shipped', 'shipped']);
  });

  test('8.16 after the time of a key another request may have it, and a minute later the same one is published again', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const startMs = Date.now();
    const at = async (seconds: number, key: string, body: object = EVENT) => {
      vi.setSystemTime(startMs + seconds * 1000);
      return (await post(body, key)).status;
    };
    for (const key of ['k', 'same']) expect(await at(0, key)).toBe(200);
    expect(await at(119.9, 'k', { ...EVENT, name: 'other' })).toBe(422);
    expect(await at(120, 'k', { ...EVENT, name: 'other' })).toBe(200);
    expect(await at(179.9, 'same')).toBe(200);
    expect(await published()).toEqual(['shipped', 'shipped', 'other']);
    expect(await at(180.1, 'same')).toBe(200);
    expect(await published()).toEqual(['shipped', 'shipped', 'other', 'shipped']);
  });

  test('8.16 works with replay protection, which needs another signature for a repeated request', async () => {
    http = await openHttp({ refuseReplays: true });
    expect((await post(EVENT, 'k')).status).toBe(200);
    expect((await post(EVENT, 'k')).status).toBe(401);
    http.clock.pass(1000);
    expect(shown(await post(EVENT, 'k'))).toEqual([200, {}]);
    expect(await published()).toEqual(['shipped']);
  });
});

describe('the key itself', () => {
  test('8.16 may have 255 characters, not one more; another limit can be set', async () => {
    expect((await post(EVENT, 'x'.repeat(255))).status).toBe(200);
    expect(shown(await post(EVENT, 'x'.repeat(256)))).toEqual([
      400,
      'An idempotency key is 1 to 255 characters of printable ASCII.',
    ]);
    http = await openHttp({ idempotency: { idempotencyKeyLength: 3 } });
    expect([(await post(EVENT, 'xxx')).status, (await post(EVENT, 'xxxx')).status]).toEqual([200, 400]);
  });

  test.each(['', 'ü', '\u0000', 'a\tb', '\u007f', '\u00a0'])('8.16 is refused: %j', async (key) => {
    expect((await post(EVENT, key)).status).toBe(400);
    expect(await published()).toEqual([]);
  });

  test('8.16 is compared as it is: case, spaces and quotes count', async () => {
    const keys = [
      'k',
      'K',
      '"k"',
      'k k',
      'k  k',
      '__proto__',
      'constructor',
      '{p0}:once:',
      '*',
      '%6b',
      'k,k',
    ];
    for (const key of [...keys, ...keys]) expect((await post(EVENT, key)).status).toBe(200);
    expect(await published()).toHaveLength(keys.length);
  });

  test('8.16 two different keys are refused, two equal ones are one', async () => {
    const send = (one: string, other: string) =>
      http.post('/events', EVENT, { headers: { 'idempotency-key': one, 'x-idempotency-key': other } });
    expect(shown(await send('a', 'b'))).toEqual([400, 'Two idempotency keys.']);
    expect((await send('a', 'a')).status).toBe(200);
    expect((await post(EVENT, 'a')).status).toBe(200);
    expect(await published()).toEqual(['shipped']);
  });
});

describe('a publish with a key that failed', () => {
  /** Stores whose broker fails for these channels, as long as `isFailing`. */
  const failingFor = (error: Error, channels: readonly string[]) => {
    const state = { isFailing: true };
    const options: TestHttpOptions = {
      stores: (memory) => ({
        ...memory,
        broker: withOverrides<Stores['broker']>(memory.broker, {
          publishOnce: (ref, ...rest) =>
            state.isFailing && channels.includes(ref.channel)
              ? Promise.reject(error)
              : memory.broker.publishOnce(ref, ...rest),
        }),
      }),
    };
    return { state, options };
  };
  const body = { name: 'many', data: '1', channels: ['x', 'y'] };

  test('8.16 publishes when it is made again after 503, and is bound to its body', async () => {
    const { state, options } = failingFor(new Unavailable('away'), ['x', 'y']);
    http = await openHttp(options);
    for (let at = 0; at < 2; at += 1) expect((await post(body, 'k')).status).toBe(503);
    expect(shown(await post({ ...body, data: '2' }, 'k'))).toEqual(USED);
    state.isFailing = false;
    for (let at = 0; at < 2; at += 1) expect(shown(await post(body, 'k'))).toEqual([200, {}]);
    expect([await published('x'), await published('y')]).toEqual([['many'], ['many']]);
  });

  test('8.16 publishes only what is missing when it is made again after a part was taken', async () => {
    const { state, options } = failingFor(new OutcomeUnknown('lost'), ['y']);
    http = await openHttp(options);
    for (let at = 0; at < 2; at += 1) expect((await post(body, 'k')).status).toBe(504);
    expect([await published('x'), await published('y')]).toEqual([['many'], []]);
    state.isFailing = false;
    for (let at = 0; at < 2; at += 1) expect(shown(await post(body, 'k'))).toEqual([200, {}]);
    expect([await published('x'), await published('y')]).toEqual([['many'], ['many']]);
  });

  test.each([
    ['claim', 503],
    ['keepAnswer', 200],
  ] as const)('8.16 is answered with the truth when %s is unavailable', async (method, status) => {
    http = await openHttp({
      stores: (memory) =>
        ({
          ...memory,
          idempotencyKeys: withOverrides<object>(memory.idempotencyKeys, {
            [method]: () => Promise.reject(new Unavailable('away')),
          }),
        }) as Stores,
    });
    const asking = { ...EVENT, info: 'subscription_count' };
    expect((await post(asking, 'k')).status).toBe(status);
    expect(await published()).toEqual(status === 200 ? ['shipped'] : []);
  });

  test('8.16 binds no key when it has no token', async () => {
    http = await openHttp({ app: testApp({ limits: { requestsPerSecond: 1 } }) });
    expect((await post(EVENT, 'one')).status).toBe(200);
    expect((await post(EVENT, 'k')).status).toBe(429);
    http.clock.pass(1000);
    expect((await post({ ...EVENT, data: '2' }, 'k')).status).toBe(200);
  });
});
