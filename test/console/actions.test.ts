/** Actions of an operator in the console, and what it shows besides the traffic: events, doctor, capacity, failed bodies, parts. */
import Fastify from 'fastify';
import { expect, onTestFinished, test, vi } from 'vitest';
import { addExaminationRoutes } from '../../src/admin/routes/examination.ts';
import { answerError } from '../../src/admin/routes/answers.ts';
import { LONG_MS, openClient, operated, startOperated, TOKEN } from '../cli/operated-server.ts';
import { temporaryFile } from '../cli/command.ts';
import { APP, APP_VARIABLES, appAt } from '../support/app.ts';
import type { TestServer } from '../support/server.ts';
import { CHANNEL_EVENTS, startEndpoint, webhookVariables } from '../support/webhooks.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually, type Wire } from '../support/wire.ts';
import { status } from '../webhooks/receiver.ts';
import { ask, loggedIn } from './operator.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

const ACTIONS = ['/events', '/doctor', '/capacity', '/auth/forget', '/webhooks/replay', '/webhooks/test'];
const bearer = { authorization: `Bearer ${TOKEN}` };
const EVENT = { app: APP.id, channels: ['orders'], name: 'shipped', data: '{"a":1}' };
const send = (server: TestServer, body: object, headers: Record<string, string> = bearer) =>
  ask(server, 'POST', '/admin/events', headers, body);

async function subscriber(server: TestServer): Promise<Wire> {
  const wire = await openClient(server);
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await wire.next('pusher_internal:subscription_succeeded', LONG_MS);
  return wire;
}

test('17.11 an event of an operator reaches the subscribers, but the socket that is left out, and is counted as one of the app', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_REPLAY_PROTECTION: 'strict' });
  const [one, other] = [await subscriber(server), await subscriber(server)];
  const headers = await loggedIn(server);
  // Equal events in one second are two events.
  for (const given of [headers, bearer, bearer])
    expect((await send(server, EVENT, given)).json).toEqual({
      id: expect.stringMatching(/^[0-9a-z]{8}-[0-9a-z]+$/) as string,
    });
  for (let event = 0; event < 3; event += 1)
    expect(await other.next('shipped', LONG_MS)).toMatchObject({ channel: 'orders', data: '{"a":1}' });
  const without = { ...EVENT, name: 'not-to-one', socket_id: one.socketId };
  expect((await send(server, without)).status).toBe(200);
  await other.next('not-to-one', LONG_MS);
  expect((await send(server, { ...EVENT, name: 'last' })).status).toBe(200);
  for (let event = 0; event < 3; event += 1) await one.next('shipped', LONG_MS);
  expect(
    await one.next(({ event }) => /^(?:not-to-one|unseen|last)$/.test(String(event)), LONG_MS),
  ).toMatchObject({
    event: 'last',
  });
  const metrics = (await ask(server, 'GET', '/admin/metrics', bearer)).text;
  expect(metrics).toMatch(/wavehall_events_published_total\{[^}]*\} 5\n/);
});

test('17.3 the log has what an action concerns, and never the data of an event', async () => {
  const server = await startOperated(operated());
  const event = { ...EVENT, channels: ['orders', 'x'.repeat(300)], data: '{"card":4242}' };
  expect((await send(server, event, await loggedIn(server))).status).toBe(400);
  const line = '"action":"POST /admin/events","app":"app-id","channels":"orders xxx';
  await eventually(
    () => server.output().includes(line),
    () => `a line: ${server.output()}`,
  );
  expect(server.output()).toContain('"name":"shipped","address":"127.0.0.1","status":400');
  expect(server.output()).not.toContain('x'.repeat(200));
  expect(server.output()).not.toContain('4242');
});

test('17.11 what POST /events refuses is refused with the same status and words', async () => {
  const server = await startOperated(operated());
  const app = publisher(appAt(server));
  const event = { channels: ['orders'], name: 'x', data: '{}' };
  const refused: object[] = [
    { ...event, name: undefined },
    { ...event, name: 7 },
    { ...event, name: 'x'.repeat(201) },
    { ...event, name: 'x\u0000' },
    { ...event, channels: [] },
    { ...event, channels: ['a b'] },
    { ...event, channels: Array.from({ length: 101 }, (_, at) => `c${at}`) },
    { ...event, data: { a: 1 } },
    { ...event, data: 'x'.repeat(20_000) },
    { ...event, socket_id: 'no socket' },
    { ...event, socket_id: 7 },
    {},
  ];
  for (const body of refused) {
    const [theirs, ours] = [await app.post('/events', body), await send(server, { app: APP.id, ...body })];
    expect([body, ours.status]).toEqual([body, theirs.status]);
    expect(ours.status).toBeGreaterThanOrEqual(400);
    const words =
      theirs.status === 422
        ? Object.values(theirs.json as object)
            .flat()
            .join(' ')
        : theirs.text;
    expect(ours.json).toEqual({ error: words });
  }
  expect((await send(server, { ...event, app: 'other' })).status).toBe(404);
  expect((await send(server, event)).json).toEqual({ error: 'app: expected the id of an app' });
  expect((await send(server, [] as object)).status).toBe(400);
  expect((await send(server, { ...EVENT }, {})).status).toBe(401);
});

test('17.11 a request of more than 1 MiB is not read', async () => {
  const server = await startOperated(operated());
  const body = (bytes: number) => {
    const empty = JSON.stringify({ ...EVENT, data: '' }).length;
    return { ...EVENT, data: 'x'.repeat(bytes - empty) };
  };
  const [read, refused] = [await send(server, body(2 ** 20)), await send(server, body(2 ** 20 + 1))];
  expect([read.status, read.text]).toEqual([413, JSON.stringify({ error: 'Payload too large.' })]);
  expect([refused.status, refused.json]).toEqual([413, { error: 'Bad request.' }]);
});

test('17.3 in read-only mode each action gets 403, and the log has a line for it; the token still acts', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_CONSOLE: 'read' });
  const headers = await loggedIn(server);
  for (const path of ACTIONS) {
    const { status: code, json } = await ask(server, 'POST', `/admin${path}`, headers, EVENT);
    expect([path, code, json]).toEqual([
      path,
      403,
      { error: 'The console is read-only: WAVEHALL_CONSOLE=read.' },
    ]);
    await eventually(
      () =>
        server
          .output()
          .includes(`"action":"POST /admin${path}","app":"app-id","address":"127.0.0.1","status":403`) ||
        server.output().includes(`"action":"POST /admin${path}","address":"127.0.0.1","status":403`),
      `a line for ${path}: ${server.output()}`,
    );
  }
  expect((await send(server, EVENT)).status).toBe(200);
});

test('17.3 an action of a page of another origin, or without the header of the console, gets 403', async () => {
  const server = await startOperated(operated());
  const { cookie = '', ...page } = await loggedIn(server);
  for (const path of ACTIONS)
    for (const headers of [
      { cookie },
      { ...page, cookie, origin: 'https://evil.test' },
      { ...page, cookie, 'sec-fetch-site': 'cross-site' },
      { cookie, origin: page['origin'] ?? '' },
    ])
      expect([path, (await ask(server, 'POST', `/admin${path}`, headers, EVENT)).status]).toEqual([
        path,
        403,
      ]);
});

test('17.12 the doctor looks at this server with its settings, one at a time, and shows no secret', async () => {
  const secret = 'a-very-secret-secret';
  const file = temporaryFile(
    '.env',
    `REVERB_APP_ID=app-id\nREVERB_APP_KEY=app-key\nREVERB_APP_SECRET=${secret}\n`,
  );
  const { WAVEHALL_ADMIN_TOKEN = '', WAVEHALL_DRAIN_SECONDS = '' } = operated();
  const server = await startOperated({ WAVEHALL_ADMIN_TOKEN, WAVEHALL_DRAIN_SECONDS }, ['--env-file', file]);
  const headers = await loggedIn(server);
  const asked = ask(server, 'POST', '/admin/doctor', headers, {}, 2 * LONG_MS);
  await eventually(
    async () => (await ask(server, 'POST', '/admin/capacity', bearer, {})).status === 409,
    'another command waits',
    LONG_MS,
  );
  const report = await asked;
  expect(report.status).toBe(200);
  const { findings } = report.json as { findings: { name: string; severity: string; message: string }[] };
  const of = (name: string) => findings.find((each) => each.name === name);
  expect(of('environment')?.message).toContain(file);
  for (const name of ['server', 'publish', 'connect', 'round-trip'])
    expect([name, of(name)]).toEqual([name, expect.objectContaining({ severity: 'ok' })]);
  expect(JSON.stringify(findings)).toContain(`127.0.0.1:${server.port}`);
  expect(report.text).not.toContain(secret);
  expect(report.text).not.toContain(TOKEN);
});

test('17.12 capacity measures the machine in a process of its own', async () => {
  const server = await startOperated(operated());
  const { status: code, json } = await ask(
    server,
    'POST',
    '/admin/capacity',
    await loggedIn(server),
    {},
    3 * LONG_MS,
  );
  expect(code).toBe(200);
  const found = json as { machine: { cores: number }; limits: { sockets: number }[]; events: unknown[] };
  expect(found.machine.cores).toBeGreaterThan(0);
  expect(found.limits[0]?.sockets).toBeGreaterThan(0);
  expect(found.events.length).toBeGreaterThan(3);
});

test('17.12 a server inside another program says that it cannot, and a command that fails leaves the way free', async () => {
  const server = Fastify();
  onTestFinished(() => server.close());
  server.setErrorHandler((error, _request, reply) => answerError(error, reply));
  addExaminationRoutes(server, undefined);
  expect((await server.inject({ method: 'POST', url: '/doctor' })).statusCode).toBe(409);
  const other = Fastify();
  onTestFinished(() => other.close());
  let count = 0;
  addExaminationRoutes(other, () => {
    count += 1;
    return count === 1 ? Promise.reject(new Error('it ended')) : Promise.resolve({ count });
  });
  expect((await other.inject({ method: 'POST', url: '/doctor' })).statusCode).toBe(500);
  expect((await other.inject({ method: 'POST', url: '/capacity' })).json()).toEqual({ count: 2 });
});

test('17.13 the parts that are on have their names, and the others answer 409 or 404', async () => {
  const server = await startOperated(operated());
  const headers = await loggedIn(server);
  expect((await ask(server, 'GET', '/admin/parts', headers)).json).toEqual({ parts: ['examination'] });
  expect((await ask(server, 'GET', '/admin/auth/decisions', headers)).status).toBe(409);
  expect((await ask(server, 'GET', '/admin/webhooks/failed/x', headers)).status).toBe(409);
  expect((await ask(server, 'GET', '/admin/cutover', headers)).status).toBe(404);
  expect((await ask(server, 'GET', '/admin/parts')).status).toBe(401);
});

test('17.13 the body of a failed delivery is in an answer of its own, and in no other', async () => {
  const endpoint = await startEndpoint('shop', CHANNEL_EVENTS);
  onTestFinished(endpoint.close);
  endpoint.receiver.answer = status(410);
  const server = await startOperated({
    ...operated(),
    ...webhookVariables([endpoint.json]),
    ...APP_VARIABLES,
  });
  const headers = await loggedIn(server);
  await subscriber(server);
  let failed: { id: string }[] = [];
  await eventually(
    async () => {
      const { json } = await ask(server, 'GET', '/admin/webhooks/failed', headers);
      ({ failed } = json as { failed: { id: string }[] });
      return failed.length === 2;
    },
    'two deliveries that failed',
    LONG_MS,
  );
  expect(failed[0]).not.toHaveProperty('body');
  const oldest = failed.at(-1)?.id ?? '';
  const { json, headers: given } = await ask(server, 'GET', `/admin/webhooks/failed/${oldest}`, headers);
  expect(json).toEqual({
    body: {
      time_ms: expect.any(Number) as number,
      events: [{ name: 'channel_occupied', channel: 'orders' }],
    },
  });
  expect(given['cache-control']).toBe('no-store');
  expect((await ask(server, 'GET', '/admin/webhooks/failed/other', headers)).status).toBe(404);
  expect((await ask(server, 'GET', '/admin/parts', headers)).json).toEqual({
    parts: ['webhooks', 'examination'],
  });
});
