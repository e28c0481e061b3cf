/** Each kind of line of the live feed, from real servers. */
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { LONG_MS, operated, PATIENT, startOperated, TOKEN } from '../../cli/operated-server.ts';
import { APP } from '../../support/app.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import type { TestServer } from '../../support/server.ts';
import { CHANNEL_EVENTS, startEndpoint, webhookVariables } from '../../support/webhooks.ts';
import { eventually, Wire } from '../../support/wire.ts';
import { status } from '../../webhooks/receiver.ts';
import { ask, loggedIn } from '../operator.ts';
import { clientOn, publish } from '../two-nodes.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

type Line = Readonly<Record<string, string | number>>;

/** Looks at everything from now on, with the data of events. */
async function lookAt(server: TestServer) {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const viewer = await Wire.open(server, '/admin/live/socket?payload=1', { headers });
  onTestFinished(() => viewer.drop());
  const lines = (): Line[] =>
    viewer.texts
      .flatMap((text) => text.split('\n'))
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  const of = (type: string, fits: Line = {}): Line[] =>
    lines().filter(
      (line) => line.type === type && Object.entries(fits).every(([name, value]) => line[name] === value),
    );
  const seen = (type: string, fits: Line = {}, least = 1): Promise<void> =>
    eventually(
      () => of(type, fits).length >= least,
      () => `${least} ${type} ${JSON.stringify(fits)}: ${viewer.texts.join('')}`,
      LONG_MS,
    );
  await eventually(
    async () => {
      await publish(server, 'first', 'first', '{}');
      return of('published').length > 0;
    },
    'the first line',
    LONG_MS,
  );
  return { lines, of, seen };
}

test('17.14 channels, members, cache misses, webhooks and refusals make lines, without an URL or a secret', async () => {
  const [good, bad] = [
    await startEndpoint('good', CHANNEL_EVENTS),
    await startEndpoint('bad', ['cache_miss']),
  ];
  for (const { close } of [good, bad]) onTestFinished(close);
  bad.receiver.answer = status(410);
  const server = await startOperated({ ...operated(), ...webhookVariables([good.json, bad.json]) });
  const { lines, of, seen } = await lookAt(server);
  const client = await clientOn(server, ['presence-room'], 'ann');
  await clientOn(server, ['cache-orders']);
  await seen('occupied', { channel: 'presence-room' });
  await seen('member_added', { channel: 'presence-room', user: 'ann' });
  await seen('cache_miss', { channel: 'cache-orders' });
  await seen('webhook_sent', { endpoint: 'good', app: APP.id });
  await seen('webhook_failed', { endpoint: 'bad', events: 'cache_miss', count: 1, attempt: 1 });
  const refused = await Wire.open(server, '/app/no-such-key?protocol=7');
  await refused.closing();
  await client.close();
  await seen('refused', { reason: 'unknown_app' });
  await seen('disconnected', { socket: client.socketId });
  await seen('vacated', { channel: 'presence-room' });
  await eventually(() => of('occupied', { channel: 'presence-room' }).length === 1, 'one line', LONG_MS);
  expect(String(of('webhook_failed')[0]?.reason)).toContain('410');
  const text = JSON.stringify(lines());
  for (const hidden of [APP.secret, good.receiver.url, bad.receiver.url, 'digest'])
    expect(text).not.toContain(hidden);
});

test('17.14 of several workers a member that joins or leaves is one line', async () => {
  const server = await startOperated({ ...operated(redis), ...PATIENT }, ['--workers', '2']);
  const { of, seen } = await lookAt(server);
  const others: Wire[] = [];
  await eventually(
    async () => {
      others.push(await clientOn(server, ['presence-room'], `user${others.length}`));
      return new Set(of('occupied', { channel: 'presence-room' }).map(({ pid }) => pid)).size === 2;
    },
    'both workers have members',
    LONG_MS,
  );
  const bob = await clientOn(server, ['presence-room'], 'bob');
  await seen('member_added', { user: 'bob' });
  await bob.close();
  await seen('member_removed', { user: 'bob' });
  await clientOn(server, ['presence-room'], 'eve');
  await seen('member_added', { user: 'eve' });
  expect([of('member_added', { user: 'bob' }).length, of('member_removed', { user: 'bob' }).length]).toEqual([
    1, 1,
  ]);
});

test('16.1 the line of an event has the id with which a session asks for its trace', async () => {
  const server = await startOperated(operated());
  const headers = await loggedIn(server);
  const { of, seen } = await lookAt(server);
  const [sender, receiver] = [await clientOn(server, ['private-t']), await clientOn(server, ['private-t'])];
  await publish(server, 'private-t', 'paid', '{"card":4242}');
  sender.send({ event: 'client-typing', channel: 'private-t', data: '{}' });
  await receiver.next('client-typing', LONG_MS);
  for (const [event, sockets] of [
    ['paid', 2],
    ['client-typing', 1],
  ] as const) {
    await seen('published', { event });
    const id = String(of('published', { event })[0]?.trace);
    const answer = await ask(server, 'GET', `/admin/trace?id=${id}`, headers);
    const { story } = answer.json as { story: { parts: { event: string; findings: { text: string }[] }[] } };
    expect([answer.status, story.parts.map((part) => part.event)]).toEqual([200, [event]]);
    expect(story.parts[0]?.findings[0]?.text).toMatch(new RegExp(`^${sockets} sockets? got it`));
    expect(answer.text).not.toContain('4242');
  }
});

test('16.2 without a trace no line has an id', async () => {
  const server = await startOperated({ ...operated(), WAVEHALL_TRACE_BYTES: '0' });
  const { of } = await lookAt(server);
  expect(of('published').every(({ trace }) => trace === undefined)).toBe(true);
});
