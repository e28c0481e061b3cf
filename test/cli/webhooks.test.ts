/** `wavehall webhooks`, over a real server and a real receiver. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { TestServer } from '../support/server.ts';
import { CHANNEL_EVENTS, startEndpoint, type TestEndpoint, webhookVariables } from '../support/webhooks.ts';
import { eventually } from '../support/wire.ts';
import { status } from '../webhooks/receiver.ts';
import { LONG_MS, openClient, operate, operated, startOperated } from './operated-server.ts';

/** An endpoint that refuses is soon left alone: each node then gives up one event every 10 s. */
const ALL_FAILED_MS = 3 * LONG_MS;

vi.setConfig({ testTimeout: 5 * LONG_MS });

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

/** An endpoint, and a server that sends to it. */
async function start(
  args: readonly string[] = [],
  env = operated(),
): Promise<{ endpoint: TestEndpoint; server: TestServer }> {
  const endpoint = await startEndpoint('shop', CHANNEL_EVENTS);
  onTestFinished(endpoint.close);
  const server = await startOperated({ ...env, ...webhookVariables([endpoint.json]) }, args);
  return { endpoint, server };
}

/** Occupies a channel as a client does. */
async function subscribe(server: TestServer, channel: string): Promise<void> {
  const client = await openClient(server);
  client.send({ event: 'pusher:subscribe', data: { channel } });
  await client.next('pusher_internal:subscription_succeeded');
}

interface Failed {
  readonly id: string;
  readonly channel: string;
}

/** Waits until the command lists this many as failed. */
async function failedOn(server: TestServer, many: number): Promise<readonly Failed[]> {
  let failed: readonly Failed[] = [];
  await eventually(
    async () => {
      const { stdout } = await operate(server, ['webhooks', 'failed', '--json']);
      ({ failed } = JSON.parse(stdout) as { failed: readonly Failed[] });
      return failed.length === many;
    },
    () => `${many} have failed: ${JSON.stringify(failed)}`,
    ALL_FAILED_MS,
  );
  return failed;
}

/** The one line of a command that fails. */
const errorOf = async (server: TestServer, args: readonly string[], env = {}): Promise<string> => {
  const { code, stderr } = await operate(server, ['webhooks', ...args], env);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^wavehall: [^\n]+\n$/);
  return stderr.trim();
};

describe('wavehall webhooks', () => {
  test('9.6 a delivery that has failed is listed, repeated on request, and then no longer there', async () => {
    const { endpoint, server } = await start();
    endpoint.receiver.answer = status(410);
    await subscribe(server, 'orders');
    const [first, second] = await failedOn(server, 2);
    expect([first, second].map((each) => each?.channel)).toEqual(['orders', 'orders']);
    endpoint.receiver.answer = status(200);
    const before = endpoint.receiver.requests.length;
    const { code, stdout } = await operate(server, ['webhooks', 'replay', first!.id]);
    expect([code, JSON.parse(stdout)]).toEqual([0, { replayed: 1 }]);
    await eventually(() => endpoint.receiver.requests.length > before, 'it arrives');
    expect((await failedOn(server, 1))[0]?.id).toBe(second?.id);
    const list = await operate(server, ['webhooks', 'list']);
    expect(JSON.parse(list.stdout)).toEqual({
      endpoints: [{ name: 'shop', app: 'app-id', waiting: 0, oldestSeconds: 0, isFailing: false }],
    });
    expect(list.stdout).not.toContain(endpoint.receiver.url);
  });

  test('9.6 a test event arrives at once, and the reason of a refusal is shown', async () => {
    const { endpoint, server } = await start();
    const { code } = await operate(server, ['webhooks', 'test', 'shop']);
    expect([code, endpoint.events()]).toEqual([0, [{ name: 'channel_occupied', channel: 'wavehall-test' }]]);
    endpoint.receiver.answer = status(404);
    expect(await errorOf(server, ['test', 'shop'])).toMatch(/^wavehall: "?shop"? did not accept it: .*404/);
  });

  test('9.6 errors name the endpoint, the ids, the address or the setting', async () => {
    const { server } = await start();
    expect(await errorOf(server, ['test', 'other'])).toContain('There is no endpoint "other".');
    expect(await errorOf(server, ['replay', 'no-id', '0-1-1'])).toContain('not found');
    const closed = `http://127.0.0.1:${await freePort()}`;
    expect(await errorOf(server, ['list', '--url', closed])).toBe(
      `wavehall: --url ${closed}: cannot be reached (ECONNREFUSED)`,
    );
    expect(await errorOf(server, ['list'], { WAVEHALL_ADMIN_TOKEN: '' })).toContain('WAVEHALL_ADMIN_TOKEN');
    const without = await startOperated(operated());
    for (const args of [['list'], ['failed'], ['replay', 'x'], ['test', 'x']])
      expect(await errorOf(without, args)).toContain('REVERB_WEBHOOK_URL');
  });

  test('9.6 shows the same at each worker and each node over one Redis', async () => {
    const env = operated(redis);
    const { endpoint, server } = await start(['--workers', '2'], env);
    const other = await startOperated({ ...env, ...webhookVariables([endpoint.json]) });
    endpoint.receiver.answer = status(410);
    for (const channel of ['a', 'b', 'c', 'd', 'e', 'f']) await subscribe(server, channel);
    const failed = await failedOn(server, 12);
    expect(await failedOn(other, 12)).toEqual(failed);
    endpoint.receiver.answer = status(200);
    const ids = failed.map(({ id }) => id);
    const { stdout } = await operate(other, ['webhooks', 'replay', ...ids]);
    expect(JSON.parse(stdout)).toEqual({ replayed: 12 });
    for (const each of [server, other]) await failedOn(each, 0);
    await eventually(() => endpoint.receiver.requests.length === 24, 'all arrive', LONG_MS);
  });
});
