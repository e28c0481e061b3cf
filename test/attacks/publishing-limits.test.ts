import { describe, expect, test } from 'vitest';
import { APP } from '../conformance/settings.ts';
import type { Answer } from '../support/wire-http.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually, type Wire } from '../support/wire.ts';
import { type AttackedServer, attackedServer, range, times } from './attacked-server.ts';

/** Rates and idempotency keys of publishers: every limit is set low and tested at n and at n + 1. */

/** Requests at once; returns their answers, and the seconds that all of them took. */
async function atOnce(count: number, act: () => Promise<Answer>) {
  const startMs = performance.now();
  const answers = await Promise.all(range(count).map(act));
  return { answers, seconds: (performance.now() - startMs) / 1000 };
}

const accepted = (answers: readonly Answer[]): number =>
  answers.filter(({ status }) => status === 200).length;

describe('the rate of requests', () => {
  const target = attackedServer({ WAVEHALL_MAX_REQUESTS_PER_SECOND: '5' }, { usesApi: false });

  test('8.15 WAVEHALL_MAX_REQUESTS_PER_SECOND: n at once, n + 1 gets 429 with Retry-After, then n in each second', async () => {
    const startMs = performance.now();
    const { answers, seconds } = await atOnce(12, () => target.tools.get('/channels'));
    expect(accepted(answers)).toBeGreaterThanOrEqual(5);
    expect(accepted(answers)).toBeLessThanOrEqual(5 + 5 * seconds);
    for (const { status, headers, text } of answers) {
      expect(headers['x-ratelimit-limit']).toBe('5');
      if (status === 429)
        expect([headers['retry-after'], headers['x-ratelimit-remaining'], text]).toEqual([
          '1',
          '0',
          'Too many requests.',
        ]);
    }
    let more = accepted(answers) - 5;
    await eventually(
      async () => (more += accepted([await target.tools.get('/channels')])) === 6,
      () => `six more requests are accepted, not ${more}`,
    );
    // The bucket was full at the start: every further request needs a fifth of a second.
    expect(performance.now() - startMs).toBeGreaterThan(1150);
  });
});

describe('requests that do not count', () => {
  const target = attackedServer({ WAVEHALL_MAX_REQUESTS_PER_SECOND: '5' }, { usesApi: false });

  test('8.15 neither /up nor a request with a wrong signature takes a token', async () => {
    await times(10, async () => {
      expect((await target.tools.request({ method: 'GET', path: '/up' })).status).toBe(200);
      const unsigned = await target.tools.request({ method: 'GET', path: `/apps/${APP.id}/channels` });
      expect([unsigned.status, unsigned.headers['x-ratelimit-limit']]).toEqual([401, undefined]);
    });
    const { answers } = await atOnce(5, () => target.tools.get('/channels'));
    expect(accepted(answers)).toBe(5);
  });
});

describe('the burst of requests', () => {
  const target = attackedServer(
    { WAVEHALL_MAX_REQUESTS_PER_SECOND: '1', WAVEHALL_REQUEST_BURST: '4' },
    { usesApi: false },
  );

  test('8.15 WAVEHALL_REQUEST_BURST: n at once after a pause, and n + 1 is refused and not published', async () => {
    const wire = await target.tools.subscriber('orders');
    const { answers, seconds } = await atOnce(6, () =>
      target.tools.publisher.post('/events', { name: 'e', data: 'd', channel: 'orders' }),
    );
    const published = accepted(answers);
    expect(published).toBeGreaterThanOrEqual(4);
    // One more with each second that it took.
    expect(published).toBeLessThanOrEqual(4 + seconds);
    for (const { status, headers } of answers) {
      expect(headers['x-ratelimit-limit']).toBe('4');
      expect(status).toBe(headers['retry-after'] === undefined ? 200 : 429);
    }
    expect(await wire.settle()).toHaveLength(published);
  });
});

const TOKEN = 'a-token-for-tests';
const KEY = 'Idempotency-Key';
const OTHER_APP = { id: 'other', key: 'other-key', secret: 'other-secret' };

/** Publishers with idempotency keys. */
function keyedPublishers(target: AttackedServer) {
  const post = (key: string, data = 'd', app = {}) =>
    publisher({ ...target.tools.app, ...app }).post(
      '/events',
      { name: 'e', data, channel: 'orders' },
      undefined,
      { [KEY]: key },
    );
  return {
    post,
    statusOf: async (...given: Parameters<typeof post>) => (await post(...given)).status,
    forgotten: async (): Promise<number> => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const { text } = await target.tools.request({ method: 'GET', path: '/admin/metrics', headers });
      return Number(/wavehall_idempotency_keys_forgotten_total(?:\{[^}]*\})? (\d+)/.exec(text)?.[1]);
    },
  };
}

const received = async (wire: Wire): Promise<number> => (await wire.settle()).length;

describe('idempotency keys', () => {
  const target = attackedServer({
    WAVEHALL_APPS: JSON.stringify(
      [APP, OTHER_APP].map(({ id, key, secret }) => ({ app_id: id, key, secret })),
    ),
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    WAVEHALL_MAX_IDEMPOTENCY_KEY_LENGTH: '8',
    WAVEHALL_IDEMPOTENCY_KEYS: '3',
  });
  const { post, statusOf, forgotten } = keyedPublishers(target);

  test('8.16 WAVEHALL_IDEMPOTENCY_KEYS: n keys of an app are known; with n + 1 the oldest is forgotten and counted', async () => {
    const wire = await target.tools.subscriber('orders');
    for (const key of ['k0', 'k1', 'k2']) expect(await statusOf(key)).toBe(200);
    expect(await received(wire)).toBe(3);
    for (const key of ['k0', 'k1', 'k2'])
      expect([await statusOf(key), await statusOf(key, 'another body')]).toEqual([200, 422]);
    // Keys of another app do not count.
    for (const key of ['k0', 'k1', 'k2']) expect(await statusOf(key, 'd', OTHER_APP)).toBe(200);
    expect([await received(wire), await forgotten()]).toEqual([0, 0]);

    expect(await statusOf('k3')).toBe(200);
    expect([await received(wire), await forgotten()]).toEqual([1, 1]);
    for (const key of ['k1', 'k2', 'k3']) expect(await statusOf(key, 'another body')).toBe(422);
    expect(await statusOf('k0', 'another body')).toBe(200);
    expect([await received(wire), await forgotten()]).toEqual([1, 2]);
    expect(await statusOf('k0', 'another body', OTHER_APP)).toBe(422);
  });

  test('8.16 WAVEHALL_MAX_IDEMPOTENCY_KEY_LENGTH', async () => {
    const wire = await target.tools.subscriber('orders');
    expect(await statusOf('x'.repeat(8))).toBe(200);
    const { status, text } = await post('x'.repeat(9));
    expect([status, text]).toEqual([400, 'An idempotency key is 1 to 8 characters of printable ASCII.']);
    expect(await statusOf('')).toBe(400);
    expect(await received(wire)).toBe(1);
  });
});

describe('the life of an idempotency key', () => {
  const target = attackedServer({ WAVEHALL_IDEMPOTENCY_SECONDS: '2' });
  const { statusOf } = keyedPublishers(target);

  test('8.16 WAVEHALL_IDEMPOTENCY_SECONDS: a key is bound for this time, then another request may have it', async () => {
    const wire = await target.tools.subscriber('orders');
    const startMs = performance.now();
    expect([await statusOf('k'), await statusOf('k')]).toEqual([200, 200]);
    expect(await received(wire)).toBe(1);
    expect(await statusOf('k', 'another body')).toBe(422);
    await eventually(
      async () => (await statusOf('k', 'another body')) === 200,
      'the key can be used for another request',
    );
    expect(performance.now() - startMs).toBeGreaterThan(1950);
    await wire.next('e');
  });
});

describe('idempotency keys that are switched off', () => {
  const target = attackedServer({ WAVEHALL_IDEMPOTENCY_SECONDS: '0' });
  const { statusOf } = keyedPublishers(target);

  test('8.16 WAVEHALL_IDEMPOTENCY_SECONDS=0: the header has no effect', async () => {
    const wire = await target.tools.subscriber('orders');
    await times(2, async () => expect(await statusOf('x'.repeat(300))).toBe(200));
    expect(await received(wire)).toBe(2);
  });
});

describe('answers of idempotency keys', () => {
  const ANSWER = '{"channels":{"orders":{"subscription_count":1}}}';
  const target = attackedServer({ WAVEHALL_IDEMPOTENCY_ANSWER_BYTES: `${ANSWER.length}` });

  test('8.16 WAVEHALL_IDEMPOTENCY_ANSWER_BYTES: n bytes are kept; an answer beyond is that of the moment, and nothing is published', async () => {
    const ask = async (key: string): Promise<string> => {
      const event = { name: 'e', data: 'd', channel: 'orders', info: 'subscription_count' };
      const { status, text } = await target.tools.publisher.post('/events', event, undefined, { [KEY]: key });
      expect(status).toBe(200);
      return text;
    };
    const wire = await target.tools.subscriber('orders');
    expect([await ask('kept'), await ask('beyond')]).toEqual([ANSWER, ANSWER]);
    await target.tools.subscriber('orders');
    expect(await ask('kept')).toBe(ANSWER);
    expect(await ask('beyond')).toBe(ANSWER.replace(':1', ':2'));
    expect((await wire.settle()).filter(({ event }) => event === 'e')).toHaveLength(2);
  });
});
