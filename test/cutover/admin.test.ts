import { describe, expect, test } from 'vitest';
import { startFrontDoor, startTestServer, type CutoverStatus, TOKEN } from './servers.ts';
import { freePort } from '../support/free-port.ts';
import { waitFor } from '../support/wait-for.ts';

const PUT = (body: unknown) => ({
  method: 'PUT',
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const errorOf = async (answer: Response) => [
  answer.status,
  ((await answer.json()) as { error: string }).error,
];

describe('the admin token', () => {
  test('11.5 without a configured token every path below /admin is 404', async () => {
    const server = await startTestServer({ WAVEHALL_ADMIN_TOKEN: '' });
    for (const path of ['/admin', '/admin/cutover', '/admin/metrics']) {
      const answer = await fetch(`${server.origin}${path}`, { headers: { authorization: 'Bearer ' } });
      expect([path, answer.status]).toEqual([path, 404]);
    }
  });

  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer wrong',
    `Basic ${TOKEN}`,
    TOKEN,
    `Bearer ${TOKEN}x`,
    `Bearer x ${TOKEN}`,
  ])('11.5 authorization %j is refused on every path', async (authorization) => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 7);
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    for (const [path, method] of [
      ['/cutover', 'GET'],
      ['/cutover', 'PUT'],
      ['/cutover/rollback', 'POST'],
      ['/metrics', 'GET'],
      ['/nothing', 'GET'],
    ] as const) {
      const answer = await fetch(`${frontDoor.origin}/admin${path}`, { method, headers });
      expect([path, answer.status, answer.headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer']);
    }
    expect((await frontDoor.status()).percentage.percent).toBe(7);
  });

  test('11.5 without an upstream the cutover API answers 404 with the missing setting', async () => {
    const server = await startTestServer();
    expect(await errorOf(await server.admin('/cutover'))).toEqual([
      404,
      'There is no cutover: WAVEHALL_CUTOVER_UPSTREAM is not set.',
    ]);
    expect((await server.admin('/metrics')).status).toBe(200);
    expect((await server.admin('/nothing')).status).toBe(404);
  });
});

describe('the percentage', () => {
  test('11.5 is read, set and rolled back', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 5);
    expect((await frontDoor.status()).percentage).toMatchObject({ percent: 5, isShared: true });
    const set = await frontDoor.admin('/cutover', PUT({ percent: 12.5 }));
    expect(set.status).toBe(200);
    expect(((await set.json()) as CutoverStatus).percentage).toMatchObject({
      percent: 12.5,
      changedBy: 'the admin API (127.0.0.1)',
    });
    const rollback = await frontDoor.admin('/cutover/rollback', { method: 'POST' });
    expect(((await rollback.json()) as CutoverStatus).percentage.percent).toBe(0);
  });

  test('11.5 a rollback to the last good percentage never raises the share', async () => {
    const frontDoor = await startFrontDoor(await startTestServer(), 0);
    const rollback = async () => {
      const answer = await frontDoor.admin('/cutover/rollback', {
        method: 'POST',
        body: '{"to":"last-good"}',
      });
      return ((await answer.json()) as CutoverStatus).percentage.percent;
    };
    await frontDoor.admin('/cutover', PUT({ percent: 50 }));
    expect(await rollback()).toBe(0);
  });

  test('11.4 is kept over a restart, whatever the first share is', async () => {
    const upstream = await startTestServer();
    const frontDoor = await startFrontDoor(upstream, 5);
    await frontDoor.admin('/cutover', PUT({ percent: 33 }));
    await frontDoor.server.stop();
    const { WAVEHALL_CUTOVER_STATE_FILE = '' } = frontDoor.env;
    const next = await startFrontDoor(upstream, 5, { WAVEHALL_CUTOVER_STATE_FILE });
    expect((await next.status()).percentage.percent).toBe(33);
  });

  test.each([
    {
      body: { percent: 101 },
      error: 'percent 101: expected a number from 0 to 100 with at most two decimals',
    },
    { body: { percent: -1 }, error: 'percent -1: expected a number from 0 to 100 with at most two decimals' },
    {
      body: { percent: 1.234 },
      error: 'percent 1.234: expected a number from 0 to 100 with at most two decimals',
    },
    { body: { percent: '25' }, error: 'percent "25": expected a number from 0 to 100' },
    { body: {}, error: 'percent (missing): expected a number from 0 to 100' },
    { body: { percent: 1, mvoe: true }, error: '"mvoe": expected percent or move or force' },
    { body: { percent: 1, move: 1 }, error: 'move 1: expected true or false' },
    { body: { percent: 1, force: 'yes' }, error: 'force "yes": expected true or false' },
    { body: [1], error: 'The body is not a JSON object.' },
    { body: 'null', error: 'The body is not a JSON object.' },
    { body: '', error: 'The body is not a JSON object.' },
    { body: '{percent:1}', error: 'The body is not JSON.' },
  ])('11.17 $body is refused with its reason', async ({ body, error }) => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 7);
    expect(await errorOf(await frontDoor.admin('/cutover', PUT(body)))).toEqual([400, error]);
    expect((await frontDoor.status()).percentage.percent).toBe(7);
  });

  test('11.5 a rollback, and a lower share with a move, are refused while the upstream is down, unless forced', async () => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 50);
    const refusal =
      'The upstream cannot be reached (ECONNREFUSED): no browser is moved there, and the percentage stays at 50 %. Add --force (admin API: "force":true) to lower it anyway.';
    const post = (body?: object) =>
      frontDoor.admin('/cutover/rollback', { method: 'POST', ...(body && { body: JSON.stringify(body) }) });
    for (const body of [undefined, { to: 'last-good' }, { move: false }, { force: false }])
      expect(await errorOf(await post(body))).toEqual([409, refusal]);
    expect(await errorOf(await frontDoor.admin('/cutover', PUT({ percent: 5, move: true })))).toEqual([
      409,
      refusal,
    ]);
    expect((await frontDoor.status()).percentage.percent).toBe(50);
    // Moving browsers to Wavehall, or none at all, needs no upstream.
    for (const change of [{ percent: 60, move: true }, { percent: 50 }])
      expect((await frontDoor.admin('/cutover', PUT(change))).status).toBe(200);
    const forced = await frontDoor.admin('/cutover', PUT({ percent: 25, move: true, force: true }));
    expect([forced.status, (await frontDoor.status()).percentage.percent]).toEqual([200, 25]);
    expect((await post({ force: true })).status).toBe(200);
    expect((await frontDoor.status()).percentage.percent).toBe(0);
    expect((await post()).status).toBe(200);
  });

  test('11.17 refuses a rollback with an unknown target', async () => {
    const frontDoor = await startFrontDoor(`http://127.0.0.1:${await freePort()}`, 7);
    const answer = await frontDoor.admin('/cutover/rollback', { method: 'POST', body: '{"to":"yesterday"}' });
    expect(await errorOf(answer)).toEqual([400, 'to "yesterday": expected "zero" or "last-good"']);
    const large = await frontDoor.admin('/cutover', PUT(`{"percent":1${' '.repeat(5000)}}`));
    expect(large.status).toBe(413);
  });
});

test('11.5 the status holds the split, the bridge and the health of both sides', async () => {
  const frontDoor = await startFrontDoor(await startTestServer(), 25);
  await waitFor(async () => expect((await frontDoor.status()).bridge[0]?.connected).toBe(true));
  expect(await frontDoor.status()).toMatchObject({
    upstream: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/$/),
    percentage: { percent: 25, lastGood: 0, isShared: true },
    split: { open: { wavehall: 0, upstream: 0 } },
    watch: { health: { wavehall: { breaches: [] }, upstream: { breaches: [] } } },
    bridge: [{ app: 'app-id', connected: true, queue: { events: 0 } }],
  });
});

test('11.5 the metrics are Prometheus text', async () => {
  const frontDoor = await startFrontDoor(await startTestServer(), 12.5);
  await waitFor(async () => expect((await frontDoor.status()).bridge[0]?.connected).toBe(true));
  const answer = await frontDoor.admin('/metrics');
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await answer.text()).split('\n');
  for (const line of [
    'wavehall_cutover_percent 12.5',
    'wavehall_cutover_sockets{side="wavehall"} 0',
    'wavehall_cutover_upgrades_total{side="upstream"} 0',
    'wavehall_bridge_connected{app="app-id"} 1',
    'wavehall_bridge_queue_events{app="app-id"} 0',
    'wavehall_cutover_breaches{side="wavehall"} 0',
    'wavehall_cutover_rollbacks_total{outcome="zero"} 0',
  ]) {
    expect(lines).toContain(line);
  }
  expect(lines.some((line) => line.startsWith('nodejs_active_handles_total'))).toBe(false);
  expect(lines.filter((line) => line.startsWith('# TYPE wavehall_')).length).toBeGreaterThan(20);
});
