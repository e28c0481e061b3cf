/** `wavehall trace`: what became of an event, of one process, of workers, and of nodes over Redis. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { APP, appAt } from '../support/app.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { channelAuth, publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import { admin, LONG_MS, openClient, operate, operated, PATIENT, startOperated } from './operated-server.ts';

vi.setConfig({ testTimeout: 4 * LONG_MS });

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

interface Finding {
  readonly cause: string;
  readonly text: string;
}

interface Report {
  readonly story: {
    readonly received?: string;
    readonly parts: readonly { readonly findings: readonly Finding[] }[];
    readonly findings: readonly Finding[];
  };
  readonly facts: { readonly silent: readonly string[]; readonly isComplete: boolean };
}

async function subscribe(wire: Wire, channel: string): Promise<void> {
  const auth = channelAuth(APP, wire.socketId, channel);
  wire.send({ event: 'pusher:subscribe', data: { channel, auth } });
  await wire.next('pusher_internal:subscription_succeeded', LONG_MS);
}

async function publish(server: TestServer, channel: string, more: object = {}): Promise<string> {
  const answer = await publisher(appAt(server)).post('/events', {
    name: 'App\\Events\\Paid',
    channel,
    data: '{"card":"the-card"}',
    ...more,
  });
  expect([answer.status, answer.text]).toEqual([200, '{}']);
  return String(answer.headers['x-wavehall-event-id']);
}

async function trace(server: TestServer, query: string): Promise<Report> {
  const answer = await admin(server, 'GET', `/trace?${query}`);
  expect([answer.status, answer.text]).toEqual([200, expect.not.stringContaining('the-card')]);
  return answer.json as Report;
}

const textsOf = ({ story }: Report): string[] =>
  [...story.parts.flatMap(({ findings }) => findings), ...story.findings].map(({ text }) => text);
const causesOf = ({ story }: Report): string[] =>
  [...story.parts.flatMap(({ findings }) => findings), ...story.findings].map(({ cause }) => cause);

/** Asks until the deliveries are noted: they are a moment after the answer to the publisher. */
async function traceUntil(server: TestServer, query: string, cause: string): Promise<Report> {
  let report = await trace(server, query);
  await eventually(
    async () => causesOf((report = await trace(server, query))).includes(cause),
    () => `${cause}: ${JSON.stringify(report.story)}`,
    LONG_MS,
  );
  return report;
}

describe('one process', () => {
  test('16.3 tells who got an event, by its id, its channel, and as the last one', async () => {
    const server = await startOperated(operated());
    const [one, other] = [await openClient(server), await openClient(server)];
    for (const wire of [one, other]) await subscribe(wire, 'private-t');
    const id = await publish(server, 'private-t', { socket_id: one.socketId });
    const report = await traceUntil(server, `id=${id}`, 'delivered');
    expect(report.story.received).toMatch(
      /^received \d\d:\d\d:\d\d\.\d{3} UTC from 127\.0\.0\.1 \(.+\) on .+\/\d+: App\\Events\\Paid for private-t, taken in [\d.]+ m?s$/,
    );
    expect(textsOf(report)[0]).toMatch(/^1 socket got it \(1 on .+\), as event \d+ of the channel$/);
    expect(textsOf(report)[1]).toBe(`not sent to its sender (toOthers), socket ${one.socketId}`);
    const others = ['channel=private-t', 'last=1', `last=1&app=${APP.id}`, `id=${id}.0`];
    for (const query of others) expect((await trace(server, query)).story).toEqual(report.story);
  });

  test('16.5 tells of an event that nobody got: the only subscriber is the sender, nobody, too late', async () => {
    const server = await startOperated(operated());
    const wire = await openClient(server);
    await subscribe(wire, 'private-t');
    const own = await publish(server, 'private-t', { socket_id: wire.socketId });
    expect(textsOf(await traceUntil(server, `id=${own}`, 'sender_only'))).toEqual([
      `excluded: the only subscriber is the sender (toOthers), socket ${wire.socketId}`,
    ]);
    const near = await publish(server, 't');
    expect(textsOf(await trace(server, `id=${near}`))).toEqual([
      '0 subscribers',
      expect.stringMatching(/^did you mean private-t \(1 subscriber\)\? the prefix differs: /),
    ]);
    const early = await publish(server, 'private-late');
    await subscribe(wire, 'private-late');
    expect(causesOf(await trace(server, `id=${early}`))).toEqual(['subscribed_after', 'check_last']);
    expect(textsOf(await trace(server, `id=${early}`))[0]).toMatch(/^subscribed [\d.]+ m?s after the event$/);
  });

  test('16.5 says what was refused to publishers and clients, with size, limit and the difference of the clocks', async () => {
    const server = await startOperated(operated());
    const app = publisher(appAt(server));
    expect(causesOf(await trace(server, 'last=1'))).toEqual(['nothing_published', 'check_publisher']);
    const event = { name: 'x', channel: 'private-t' };
    const large = await app.post('/events', { ...event, data: 'x'.repeat(10_241) });
    expect(large.status).toBe(413);
    const id = String(large.headers['x-wavehall-event-id']);
    const report = await trace(server, `id=${id}`);
    expect(report.story.received).toContain('x for private-t');
    expect(textsOf(report)).toEqual([
      expect.stringMatching(/^refused with 413 .*\(10241 bytes, 10240 are allowed\): /),
    ]);
    const past = { timestampS: Math.floor(Date.now() / 1000) - 700 };
    expect((await app.post('/events', { ...event, data: '1' }, past)).status).toBe(401);
    await Wire.open(server, '/app/no-such-key?protocol=7').then((wire) => wire.closing());
    const nothing = await trace(server, `channel=private-other&app=${APP.id}`);
    expect(causesOf(nothing)).toEqual([
      'nothing_published',
      'check_publisher',
      'refused_clock',
      'refused_size',
      'client_key',
    ]);
    expect(textsOf(nothing)[2]).toMatch(/^1 refused with 401 \(clock 12 minutes off\), from 127\.0\.0\.1, /);
    expect(textsOf(nothing)[4]).toMatch(/no app has the key no-such-key \(VITE_REVERB_APP_KEY\)$/);
  });

  test('16.2 with WAVEHALL_TRACE_BYTES=0 there is no id, and nothing is found', async () => {
    const server = await startOperated({ ...operated(), WAVEHALL_TRACE_BYTES: '0' });
    expect(await publish(server, 'private-t')).toBe('undefined');
    expect(causesOf(await trace(server, 'last=1'))).toEqual(['nothing_published', 'check_publisher']);
  });

  test('16.3 refuses what is no question, and asks for the token', async () => {
    const server = await startOperated(operated());
    for (const [query, error] of [
      ['', 'Expected one of id, channel and last=1.'],
      ['id=k3f9a2bc-1&last=1', 'Expected one of id, channel and last=1.'],
      ['id=x', 'id: expected one of X-Wavehall-Event-Id, such as k3f9a2bc-1z'],
      ['id=k3f9a2bc-1&app=a', 'app: expected not to be given with an id'],
      ['last=2', 'last: expected 1'],
      ['channel=', 'channel: expected 1 to 1024 characters'],
      [`channel=${'a'.repeat(1025)}`, 'channel: expected 1 to 1024 characters'],
      ['chanel=a', '"chanel": expected id or app or channel or last'],
    ] as const)
      expect((await admin(server, 'GET', `/trace?${query}`)).json).toEqual({ error });
    expect((await admin(server, 'GET', '/trace?last=1', 'wrong')).status).toBe(401);
    expect((await operate(server, ['trace', 'k3f9a2bc-1', '--last'])).stderr).toBe(
      'wavehall: Expected one of ID, --channel and --last\n',
    );
    const unknown = await operate(server, ['trace', 'k3f9a2bc-1']);
    expect(causesOf(JSON.parse(unknown.stdout) as Report)).toEqual(['unknown_id', 'new_process']);
  });
});

describe('several processes', () => {
  test('16.4 of workers has each one once, with the sum of their sockets', async () => {
    const server = await startOperated(operated(redis), ['--workers', '3']);
    for (let client = 0; client < 6; client += 1) await subscribe(await openClient(server), 'private-t');
    const id = await publish(server, 'private-t');
    const report = await untilText(
      server,
      `id=${id}`,
      /^6 sockets got it \(2 on .+, 2 on .+, 2 on .+\), as event \d+ of the channel$/,
    );
    expect(causesOf(report)).not.toContain('silent_node');
    const { code, stdout } = await operate(server, ['trace', '--channel', 'private-t']);
    expect([code, (JSON.parse(stdout) as Report).story.received]).toEqual([0, report.story.received]);
  });

  test('16.4 of two nodes is one answer, whichever is asked', async () => {
    const settings = operated(redis);
    const [one, two] = [await startOperated(settings), await startOperated(settings)];
    await subscribe(await openClient(one), 'private-t');
    await subscribe(await openClient(two), 'private-t');
    const id = await publish(one, 'private-t');
    for (const asked of [one, two]) {
      const report = await untilText(
        asked,
        `id=${id}`,
        /^2 sockets got it \(1 on .+, 1 on .+\), as event \d+ of the channel$/,
      );
      expect([report.facts.silent, report.facts.isComplete]).toEqual([[], true]);
    }
    const missed = await publish(two, 'private-T');
    expect(textsOf(await trace(one, `id=${missed}`))).toEqual([
      '0 subscribers',
      expect.stringMatching(
        /^did you mean private-t \(2 subscribers\)\? names differ in upper and lower case$/,
      ),
    ]);
  });

  test('16.4 names a node that died as long as it has a lease, and goes on without Redis', async () => {
    const own = await startRedis();
    const settings = { ...operated(own), WAVEHALL_LEASE_SECONDS: '12' };
    const [one, two] = [await startOperated(settings), await startOperated(settings)];
    await subscribe(await openClient(one), 'private-t');
    const id = await publish(one, 'private-t');
    expect((await traceUntil(one, `id=${id}`, 'delivered')).facts.silent).toEqual([]);
    two.kill('SIGKILL');
    await two.exited;
    const report = await trace(one, `id=${id}`);
    expect(causesOf(report)).toEqual(['delivered', 'check_event', 'silent_node']);
    await own.close();
    await traceUntil(one, `id=${id}`, 'redis_away');
    expect(causesOf(await trace(one, `id=${id}`))).toContain('delivered');
  });

  test('16.4 without Redis all workers of this server are in the answer, which says that other nodes could not be asked', async () => {
    const own = await startRedis();
    const server = await startOperated({ ...operated(own), ...PATIENT }, ['--workers', '3']);
    for (let client = 0; client < 6; client += 1) await subscribe(await openClient(server), 'private-t');
    const id = await publish(server, 'private-t');
    const all = /^6 sockets got it \(2 on .+, 2 on .+, 2 on .+\), as event \d+ of the channel$/;
    await untilText(server, `id=${id}`, all);
    await own.close();
    const report = await traceUntil(server, `id=${id}`, 'redis_away');
    expect([report.facts.isComplete, textsOf(report)[0]]).toEqual([false, expect.stringMatching(all)]);
    expect(textsOf(report).at(-1)).toBe(
      'Redis cannot be reached: the other nodes could not be asked, and get no events',
    );
  });
});

describe('processes that were replaced', () => {
  test('16.2 without Redis, a process that replaces another one says that it does not know of earlier events', async () => {
    const server = await startOperated({ ...operated(), WAVEHALL_DRAIN_SECONDS: '1' });
    const id = await publish(server, 'private-t');
    expect(causesOf(await trace(server, `id=${id}`))).not.toContain('new_process');
    expect((await operate(server, ['restart'])).code).toBe(0);
    const report = await traceUntil(server, `id=${id}`, 'new_process');
    expect(causesOf(report)).toEqual(['unknown_id', 'new_process']);
    expect(textsOf(report)[1]).toMatch(
      /^.+\/\d+ started [\d.]+ m?s ago: what a process before it did is no longer known$/,
    );
  });

  test('16.2 of two nodes, the answer names the processes that started after the event', async () => {
    const settings = { ...operated(redis), WAVEHALL_DRAIN_SECONDS: '1' };
    const [one, two] = [await startOperated(settings), await startOperated(settings)];
    for (const server of [one, two]) await subscribe(await openClient(server), 'private-t');
    const id = await publish(one, 'private-t');
    await untilText(one, `id=${id}`, /^2 sockets got it/);
    expect((await operate(two, ['restart'])).code).toBe(0);
    const report = await traceUntil(one, `id=${id}`, 'new_process');
    expect(textsOf(report)).toContainEqual(
      expect.stringMatching(/^.+\/\d+ started [\d.]+ m?s after the event: what a process before it did /),
    );
  });
});

async function untilText(server: TestServer, query: string, expected: RegExp): Promise<Report> {
  let report = await trace(server, query);
  await eventually(
    async () => textsOf((report = await trace(server, query))).some((text) => expected.test(text)),
    () => `${expected}: ${JSON.stringify(report.story)}`,
    LONG_MS,
  );
  return report;
}
