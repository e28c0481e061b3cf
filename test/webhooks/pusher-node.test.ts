/** Deliveries as Pusher's library for Node reads them, and the receiver that docs/webhooks.md prints for it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import PusherSdk from 'pusher';
import { expect, onTestFinished, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { startServer } from '../support/server.ts';
import { openClient } from './client.ts';
import { printedAfter } from './printed.ts';
import { deliver, endpointOf, receiverWith, record } from './deliver.ts';
import { eventsIn } from './receiver.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const TEST_MS = 40_000;

const sdk = (key: string, secret: string) => new PusherSdk({ appId: APP.id, key, secret, host: 'localhost' });

test('9.1 the library accepts each delivery, with its events and its time', async () => {
  const receiver = await receiverWith();
  const eventTypes = ['channel_occupied', 'channel_vacated'] as const;
  const { outbox } = deliver([endpointOf('a', receiver.url, { eventTypes })]);
  await outbox.add(record('日本/<é>'), 1_700_000_000_123);
  await outbox.add(record('日本/<é>', 'channel_vacated'), 1_700_000_003_456);
  await waitFor(() => expect(receiver.requests).toHaveLength(2));
  for (const { headers, body } of receiver.requests) {
    const webhook = sdk(APP.key, APP.secret).webhook({ headers, rawBody: body });
    expect(webhook.isContentTypeValid()).toBe(true);
    expect(webhook.isBodyValid()).toBe(true);
    expect(webhook.isValid()).toBe(true);
    expect(webhook.getEvents()).toEqual(eventsIn({ headers, body, atMs: 0 }));
    expect(webhook.getEvents()[0]?.channel).toBe('日本/<é>');
  }
  const [first] = receiver.requests.map(({ headers, body }) =>
    sdk(APP.key, APP.secret).webhook({ headers, rawBody: body }),
  );
  expect(first?.getTime()).toEqual(new Date(1_700_000_000_123));
  expect(first?.getData()).toMatchObject({ time_ms: 1_700_000_000_123 });
});

test('9.1 the library refuses another secret and another body, and takes a further token', async () => {
  const receiver = await receiverWith();
  const { outbox } = deliver([endpointOf('a', receiver.url, { eventTypes: ['channel_occupied'] })]);
  await outbox.add(record('a'));
  await waitFor(() => expect(receiver.requests).toHaveLength(1));
  const { headers, body } = receiver.requests[0]!;
  const isValid = (of: PusherSdk, rawBody = body, extra?: { key: string; secret: string }) =>
    of.webhook({ headers, rawBody }).isValid(extra);
  expect(isValid(sdk(APP.key, 'another-secret'))).toBe(false);
  expect(isValid(sdk(APP.key, APP.secret), body.replace('"a"', '"b"'))).toBe(false);
  expect(isValid(sdk('new-key', 'new-secret'))).toBe(false);
  expect(isValid(sdk('new-key', 'new-secret'), body, { key: APP.key, secret: APP.secret })).toBe(true);
});

/** Runs the printed receiver and resolves when it listens. */
async function startPrinted() {
  const code = printedAfter('In Node, ');
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], ...APP_VARIABLES, PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill();
    await exited;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await waitFor(() => expect(output).toMatch(/port \d+/));
  return { port: Number(/port (\d+)/.exec(output)?.[1]), output: () => output };
}

test('9.1 the printed receiver for Node reads webhooks of the server', { timeout: TEST_MS }, async () => {
  const receiver = await startPrinted();
  const url = `http://127.0.0.1:${receiver.port}/`;
  const server = await startServer({
    ...APP_VARIABLES,
    REVERB_WEBHOOK_URL: url,
    WAVEHALL_WEBHOOK_ALLOW_PRIVATE: '127.0.0.1',
  });
  onTestFinished(() => server.close());
  const client = await openClient(server);
  await client.subscribe('presence-room', '7');
  await waitFor(() => expect(receiver.output()).toContain('channel_occupied on presence-room'));
  await waitFor(() => expect(receiver.output()).toContain('member_added on presence-room'));
  expect((await fetch(url, { method: 'POST', body: '{"time_ms":1,"events":[]}' })).status).toBe(401);
});
