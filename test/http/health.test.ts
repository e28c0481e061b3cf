import { describe, expect, test } from 'vitest';
import { reusing } from '../../src/core/util/reuse.ts';
import type { HealthChecks } from '../../src/http/health.ts';
import { openHttp, shown } from './fixture.ts';

const answers = async (health: Partial<HealthChecks>, path: string) => {
  const http = await openHttp({ prefix: 'ws', health });
  const plain = await http.send('GET', path);
  const [behindPrefix, head] = [await http.send('GET', `/ws${path}`), await http.send('HEAD', path)];
  expect(shown(behindPrefix)).toEqual(shown(plain));
  expect(shown(head)).toEqual([plain.status, '']);
  return plain;
};

const no = (): Promise<boolean> => Promise.resolve(false);
const redis = (state: 'ok' | 'down', roundTripMs?: number): HealthChecks['redis'] => {
  return () => Promise.resolve({ redis: state, ...(roundTripMs !== undefined && { roundTripMs }) });
};

describe('health', () => {
  const CASES: readonly (readonly [word: string, health: Partial<HealthChecks>])[] = [
    ['ok', {}],
    ['ok', { redis: redis('ok', 1) }],
    ['warn', { warnings: () => ['Redis evicts keys'] }],
    ['down', { warnings: () => ['Redis evicts keys'], redis: redis('down') }],
    ['down', { acceptsWebSockets: no }],
    ['down', { isReady: () => false }],
  ];

  test.each(CASES)('8.11 /health is the word %s as text, case %#', async (word, health) => {
    const answer = await answers(health, '/health');
    expect(shown(answer)).toEqual([word === 'down' ? 503 : 200, word]);
    expect(answer.headers['content-type']).toMatch(/^text\/plain/);
  });

  test('8.11 /health opens no connection while the server is not ready', async () => {
    let checks = 0;
    const acceptsWebSockets = (): Promise<boolean> => Promise.resolve((checks += 1) > 0);
    await answers({ isReady: () => false, acceptsWebSockets }, '/health');
    expect(checks).toBe(0);
  });

  test('8.11 /health/websocket answers 503 when no client is greeted', async () => {
    expect(shown(await answers({}, '/health/websocket'))).toEqual([200, { websocket: 'ok' }]);
    const down = await answers({ acceptsWebSockets: no }, '/health/websocket');
    expect(shown(down)).toEqual([503, { websocket: 'down' }]);
  });

  test('8.11 /health/redis has the round trip, or disabled, or answers 503', async () => {
    const path = '/health/redis';
    expect(shown(await answers({ redis: redis('ok', 0.4) }, path))).toEqual([
      200,
      { redis: 'ok', roundTripMs: 0.4 },
    ]);
    expect(shown(await answers({}, path))).toEqual([200, { redis: 'disabled' }]);
    expect(shown(await answers({ redis: redis('down') }, path))).toEqual([503, { redis: 'down' }]);
  });

  test('8.11 /health/detailed is hidden without a token of the server, and refused without that of the request', async () => {
    const path = '/health/detailed';
    expect(shown(await answers({}, path))).toEqual([404, 'Not found.']);
    const refused = await answers({ detailsAccess: () => 'refused' }, path);
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect(JSON.stringify(refused.body)).not.toContain('connections');
  });

  test('8.11 /health/detailed has the figures, also while the server is down', async () => {
    const details = (): Promise<object> => Promise.resolve({ connections: 7 });
    const health: Partial<HealthChecks> = { detailsAccess: () => 'allowed', details, redis: redis('ok', 2) };
    const figures = {
      warnings: [],
      websocket: 'ok',
      redis: { state: 'ok', roundTripMs: 2 },
      connections: 7,
    };
    expect(shown(await answers(health, '/health/detailed'))).toEqual([200, { health: 'ok', ...figures }]);
    const down = await answers({ ...health, isReady: () => false }, '/health/detailed');
    expect(shown(down)).toEqual([503, { health: 'down', ...figures }]);
  });

  test('8.11 one check answers all requests that arrive while it runs', async () => {
    let checks = 0;
    const ask = reusing(60_000, () => Promise.resolve((checks += 1)));
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    expect(await ask()).toBe(1);
  });
});

describe('a port', () => {
  test('8.13 that serves clients alone has no HTTP API', async () => {
    const http = await openHttp({ serves: { clients: true, api: false } });
    expect(shown(await http.get('/channels'))).toEqual([404, 'Not found.']);
    expect((await http.send('GET', '/app/app-key')).status).toBe(426);
    expect((await http.send('GET', '/up')).status).toBe(200);
  });

  test('8.13 that serves the HTTP API alone has no /app', async () => {
    const http = await openHttp({ serves: { clients: false, api: true } });
    expect((await http.get('/channels')).status).toBe(200);
    expect(shown(await http.send('GET', '/app/app-key'))).toEqual([404, 'Not found.']);
  });

  test('8.13 that serves metrics alone answers them, and 405 to other methods', async () => {
    const metrics = { contentType: 'text/plain; version=0.0.4', text: () => Promise.resolve('a 1\n') };
    const http = await openHttp({ serves: { clients: false, api: false }, metrics });
    const answer = await http.send('GET', '/metrics');
    expect([...shown(answer), answer.headers['content-type']]).toEqual([200, 'a 1\n', metrics.contentType]);
    expect(shown(await http.send('HEAD', '/metrics'))).toEqual([200, '']);
    expect((await http.send('POST', '/metrics')).status).toBe(405);
    for (const path of ['/apps/app-id/channels', '/app/app-key', '/admin/metrics', '/'])
      expect((await http.send('GET', path)).status).toBe(404);
  });
});
