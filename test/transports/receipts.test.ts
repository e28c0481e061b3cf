/** Receipts of a tab over WebSocket (SPEC 13.3), with a raw client that answers control pings as a browser does. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { APP, APP_VARIABLES, appAt } from '../support/app.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { type Frame, Wire } from '../support/wire.ts';

const LONG_MS = 15_000;

let server: TestServer;
beforeAll(async () => void (server = await startServer({ ...APP_VARIABLES, REVERB_APP_PING_INTERVAL: '1' })));
afterAll(() => server.close());

async function open(tab: string | undefined, channel: string): Promise<Wire> {
  const wire = await Wire.open(server, `${tab === undefined ? '' : `/t/${tab}`}/app/${APP.key}?protocol=7`);
  onTestFinished(() => wire.drop());
  await wire.next('pusher:connection_established');
  wire.send({ event: 'pusher:subscribe', data: { channel } });
  await wire.next('pusher_internal:subscription_succeeded');
  return wire;
}

async function publish(channel: string, data: string): Promise<void> {
  const { status } = await publisher(appAt(server)).post('/events', { name: 'n', channel, data });
  expect(status).toBe(200);
}

/** Events that had arrived when a socket is cut, then those that the next socket of the tab gets. */
async function cutAndReturn(wire: Wire, tab: string, channel: string): Promise<unknown[]> {
  wire.drop();
  await wire.closed;
  const again = await open(tab, channel);
  await publish(channel, 'last');
  const frames: Frame[] = [];
  while (frames.at(-1)?.data !== 'last') frames.push(await again.next('n', LONG_MS));
  return frames.map(({ data }) => data);
}

test('13.3 the answer to a control ping proves nothing: a browser gives it for a page that takes nothing', async () => {
  const [tab, channel] = [randomUUID(), 'control-ping'];
  const wire = await open(tab, channel);
  await publish(channel, 'first');
  await wire.next('pusher:ping', LONG_MS);
  const before = wire.pings.length;
  await wire.until(
    () => wire.pings.length >= before + 2,
    () => 'two more control pings',
    LONG_MS,
  );
  expect(await cutAndReturn(wire, tab, channel)).toEqual(['first', 'last']);
});

test('13.3 `pusher:pong` after `pusher:ping` proves what was written before, and nothing without one', async () => {
  const [tab, channel] = [randomUUID(), 'pong'];
  const wire = await open(tab, channel);
  const answer = async (): Promise<void> => {
    await wire.next('pusher:ping', LONG_MS);
    wire.send({ event: 'pusher:pong', data: {} });
  };
  // Unasked, and for the subscription.
  wire.send({ event: 'pusher:pong', data: {} });
  await answer();
  await publish(channel, 'first');
  await answer();
  // Nothing that was written lacks a receipt: no further ping comes before the next event.
  await publish(channel, 'second');
  await wire.next('pusher:ping', LONG_MS);
  expect(await cutAndReturn(wire, tab, channel)).toEqual(['second', 'last']);
});

test('13.3 a client without a tab id is never sent `pusher:ping`', async () => {
  const [tab, channel] = [randomUUID(), 'without-tab'];
  const [wire, other] = [await open(undefined, channel), await open(tab, channel)];
  await publish(channel, 'first');
  await other.next('pusher:ping', LONG_MS);
  expect((await wire.settle()).map(({ event }) => event)).toEqual(['n']);
});
